#pragma once

#include <string>
#include <vector>

#include "api/mlflow/input.h"
#include "tracking/entities.h"

namespace millrace::api::mlflow {

// Parts of requests that several routes share. What is missing or wrong is noted in the Fields.

// [{"key", "value"}]. Keys are required.
std::vector<tracking::Tag> read_tags(const Fields& in, std::string_view name = "tags");
std::vector<tracking::Param> read_params(const Fields& in);
// {"key", "value", "timestamp", "step", "model_id", "dataset_name", "dataset_digest"}
tracking::Metric read_metric(const Fields& in);
// [text, ...]
std::vector<std::string> read_texts(const Fields& in, std::string_view name);

inline std::string owned(std::optional<std::string_view> text) { return std::string(text.value_or("")); }

inline std::int64_t milliseconds(Timestamp time) { return time.us / 1000; }
// What is beyond the end of microseconds becomes that end.
Timestamp from_milliseconds(std::int64_t ms);
std::optional<Timestamp> read_time(const Fields& in, std::string_view name);

}  // namespace millrace::api::mlflow
