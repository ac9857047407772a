#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/utf8.h"
#include "tracking/entities.h"

namespace millrace::tracking {

struct Batch;

// MLflow's rules for what may be logged, and its words where it is refused (mlflow/utils/validation.py). All errors are
// kInvalidArgument. `path` says where in a request the thing stands: "key", "metrics[3].name".

Result<void> check_metric(const Metric& metric, std::string_view path);
Result<void> check_param_key(std::string_view key, std::string_view path = "key");
Result<void> check_tag_key(std::string_view key, std::string_view path = "key");
// All of it, and no param twice.
Result<void> check_batch(const Batch& batch);

Result<void> check_experiment_name(std::string_view name);
Result<void> check_experiment_tag(const Tag& tag);
Result<void> check_artifact_location(std::string_view uri);
Result<void> check_run_id(std::string_view id);
Result<void> check_dataset_input(const DatasetInput& input);
Result<void> check_logged_model_name(std::string_view name);

// The number that an experiment's id is: "Invalid experiment ID 'abc'. ...".
Result<std::int64_t> experiment_number(std::string_view id);

inline constexpr std::size_t kMaxParamValue = 6000;  // characters; what is longer is cut
inline constexpr std::size_t kMaxTagValue = 8000;

// What is stored for a metric's value: an infinity as the largest finite number.
double storable(double value);

}  // namespace millrace::tracking
