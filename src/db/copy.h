#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "db/table_sum.h"

namespace millrace::db {

// What becomes of a server that uses the source.
enum class Source {
  kHeld,    // there must be none: kFailedPrecondition
  kShared,  // it goes on; what is copied is what it has committed at one moment
};

// Copies all tables of a database, as Database::open() takes it, into another one of any kind, in one transaction: the
// tables are made by the migrations that the source remembers, so they are as old or new as there, numbers go on where
// they are, and what arrived is read back and compared. Answers what was copied, by table. kFailedPrecondition for a
// target that holds anything, or for a source that was last used by a millrace too old to remember.
Result<std::vector<TableSum>> copy(const std::string& from, const std::string& to, Source use);

// What a database holds now.
Result<std::vector<TableSum>> sum_database(const std::string& uri);

}  // namespace millrace::db
