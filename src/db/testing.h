#pragma once

#include <filesystem>
#include <memory>

#include "db/database.h"

namespace millrace::db {

// For tests. The database of a home folder: a SQLite file in it; or, where the environment variable
// MILLRACE_TEST_POSTGRES has the URI of a PostgreSQL database, a schema there, the folder's own. Opened again it has
// what it had.
std::unique_ptr<Database> open_for_test(const std::filesystem::path& folder);
// Its URI; the schema is made.
std::string uri_for_test(const std::filesystem::path& folder);
bool tests_use_postgres();

}  // namespace millrace::db
