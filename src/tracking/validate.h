#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "tracking/tracking.h"

namespace millrace::tracking {

// MLflow's rules for what may be logged (mlflow/utils/validation.py). All errors are kInvalidArgument.

// `what` is "metric", "param" or "tag".
Result<void> check_key(std::string_view what, std::string_view key);
Result<void> check_experiment_name(std::string_view name);
// Keys, metric timestamps, and no param twice.
Result<void> check_batch(const Batch& batch);

inline constexpr std::size_t kMaxParamValue = 6000;  // characters; what is longer is cut
inline constexpr std::size_t kMaxTagValue = 8000;

// The first `characters` characters of UTF-8 text.
std::string_view cut(std::string_view text, std::size_t characters);

// What is stored for a metric's value: an infinity as the largest finite number.
double storable(double value);

}  // namespace millrace::tracking
