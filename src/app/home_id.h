#pragma once

#include <filesystem>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "db/database.h"

namespace millrace::app {

// The database that a server uses: the one named, else the file in its home folder.
std::string database_uri(const std::filesystem::path& home, const std::string& named);

// A home folder's files belong to one database, and a start with another would take them for rubbish. So both bear one
// id, drawn when both are new: in HOME/id and in the table homes. kFailedPrecondition where they differ.
Result<void> match_home(const std::filesystem::path& home, db::Database& database, IdSource& ids);

}  // namespace millrace::app
