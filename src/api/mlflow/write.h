#pragma once

#include <span>
#include <string>
#include <string_view>

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

// Appends points of the metric `key`, parted by commas; of the run, where `run_id` is not empty. Histories are long:
// this costs about a tenth of a microsecond a point.
void append_points(std::string& json, std::string_view key, std::span<const tracking::Point> points,
                   std::string_view run_id = {});

}  // namespace millrace::api::mlflow
