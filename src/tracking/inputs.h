#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "tracking/entities.h"

namespace millrace::db {
class Database;
}

namespace millrace::tracking {

// Fills in what the runs have read and made. `numbers` is a JSON list of their numbers, `run_of` finds one by it.
Result<void> load_inputs(db::Database& database, const std::string& numbers,
                         const std::function<Run&(std::int64_t)>& run_of);

}  // namespace millrace::tracking
