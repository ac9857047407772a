#pragma once

#include <vector>

#include "api/mlflow/input.h"
#include "base/json_writer.h"
#include "tracking/entities.h"

namespace millrace::api::mlflow {

// Entities as MLflow's messages have them. Times are milliseconds.
void write(JsonWriter& out, const tracking::Experiment& experiment);
void write(JsonWriter& out, const tracking::Run& run);
void write(JsonWriter& out, const tracking::Metric& metric);

// The field "tags" of a request: [{"key", "value"}].
std::vector<tracking::Tag> read_tags(const Fields& in);

inline std::int64_t milliseconds(Timestamp time) { return time.us / 1000; }
inline Timestamp from_milliseconds(std::int64_t ms) { return {ms * 1000}; }

}  // namespace millrace::api::mlflow
