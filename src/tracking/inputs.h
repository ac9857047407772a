#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "tracking/entities.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::tracking {

struct ActiveRun;  // tracking/load.h

// Adds what the run has read and made, as Store::log_inputs() and log_outputs() do.
Result<void> add_inputs(db::Transaction& tx, const ActiveRun& where, const Run& run);

// Fills in what the runs have read and made. `numbers` is a JSON list of their numbers, `run_of` finds one by it.
Result<void> load_inputs(db::Database& database, const std::string& numbers,
                         const std::function<Run&(std::int64_t)>& run_of);

}  // namespace millrace::tracking
