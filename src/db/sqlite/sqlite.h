#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "db/connection.h"

namespace millrace::db {

// A SQLite file in WAL mode with foreign keys on; made where there is none. Errors are in words for a person: a full
// disk is kResourceExhausted, a damaged file kDataLoss, a broken unique rule kAlreadyExists, any other rule
// kFailedPrecondition, a busy file kUnavailable.
std::unique_ptr<Backend> sqlite_backend(const std::filesystem::path& file);

}  // namespace millrace::db
