#pragma once

#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "tracking/entities.h"
#include "tracking/logged_models.h"

namespace millrace::api::mlflow {

// Entities as MLflow's messages have them, times in milliseconds. Each writes one object.
void write(JsonWriter& out, const tracking::Experiment& experiment);
void write(JsonWriter& out, const tracking::Run& run);
void write_info(JsonWriter& out, const tracking::Run& run);
void write(JsonWriter& out, const tracking::Metric& metric);
void write(JsonWriter& out, const tracking::DatasetSummary& summary);
void write(JsonWriter& out, const tracking::LoggedModel& model);

// A point of the metric `key`; of the run, where `run_id` is not empty.
void write(JsonWriter& out, std::string_view key, const tracking::Point& point, std::string_view run_id = {});

}  // namespace millrace::api::mlflow
