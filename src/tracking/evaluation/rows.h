#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "tracking/evaluation/datasets.h"

namespace millrace::tracking {

std::unexpected<Error> no_evaluation_dataset(std::string_view id);
Result<std::int64_t> evaluation_dataset_number(db::Transaction& tx, std::string_view id);

// What stands for the state of a dataset that changed now: eight hexadecimal digits.
std::string evaluation_digest(std::string_view name, Timestamp now);

}  // namespace millrace::tracking
