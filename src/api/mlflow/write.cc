#include "api/mlflow/write.h"

#include <fmt/format.h>

#include <cmath>

#include "api/mlflow/read.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::size_t kNumbersOfAPoint = 70;  // bytes, roughly

std::string quoted(std::string_view text) {
  JsonWriter out;
  out.value(text);
  return std::move(out).text();
}

template <typename List>
void write_pairs(JsonWriter& out, std::string_view name, const List& list) {
  out.list(name, list, [&](const auto& item) {
    out.object([&] {
      out.field("key", item.key);
      out.field("value", item.value);
    });
  });
}

void write_if_set(JsonWriter& out, std::string_view name, std::string_view text) {
  if (!text.empty()) out.field(name, text);
}

void write(JsonWriter& out, const tracking::DatasetInput& input) {
  out.object([&] {
    write_pairs(out, "tags", input.tags);
    out.object("dataset", [&] {
      out.field("name", input.dataset.name);
      out.field("digest", input.dataset.digest);
      out.field("source_type", input.dataset.source_type);
      out.field("source", input.dataset.source);
      if (input.dataset.schema) out.field("schema", *input.dataset.schema);
      if (input.dataset.profile) out.field("profile", *input.dataset.profile);
    });
  });
}

void write(JsonWriter& out, const tracking::ModelOutput& model) {
  out.object([&] {
    out.field("model_id", model.model_id);
    out.field("step", model.step);
  });
}

void write_metric_fields(JsonWriter& out, const tracking::Metric& metric) {
  out.field("key", metric.key);
  out.field("value", metric.value);
  out.field("timestamp", milliseconds(metric.timestamp));
  out.field("step", metric.step);
  write_if_set(out, "dataset_name", metric.dataset_name);
  write_if_set(out, "dataset_digest", metric.dataset_digest);
  write_if_set(out, "model_id", metric.model_id);
}

void write(JsonWriter& out, const tracking::ModelMetric& measured) {
  out.object([&] {
    write_metric_fields(out, measured.metric);
    out.field("run_id", measured.run_id);
  });
}

}  // namespace

void write_info(JsonWriter& out, const tracking::Run& run) {
  out.object([&] {
    out.field("run_uuid", run.id);
    out.field("experiment_id", run.experiment_id);
    write_if_set(out, "run_name", run.name);
    out.field("user_id", run.user_id);
    out.field("status", to_text(run.status));
    out.field("start_time", milliseconds(run.start_time));
    if (run.end_time) out.field("end_time", milliseconds(*run.end_time));
    out.field("artifact_uri", run.artifact_uri);
    out.field("lifecycle_stage", to_text(run.lifecycle_stage));
    out.field("run_id", run.id);
  });
}

void write(JsonWriter& out, const tracking::Experiment& experiment) {
  out.object([&] {
    out.field("experiment_id", experiment.id);
    out.field("name", experiment.name);
    out.field("artifact_location", experiment.artifact_location);
    out.field("lifecycle_stage", to_text(experiment.lifecycle_stage));
    out.field("last_update_time", milliseconds(experiment.last_update_time));
    out.field("creation_time", milliseconds(experiment.creation_time));
    write_pairs(out, "tags", experiment.tags);
  });
}

void write(JsonWriter& out, const tracking::Metric& metric) {
  out.object([&] { write_metric_fields(out, metric); });
}

void write(JsonWriter& out, const tracking::Run& run) {
  out.object([&] {
    out.key("info");
    write_info(out, run);
    out.object("data", [&] {
      out.list("metrics", run.metrics, [&](const auto& metric) { write(out, metric); });
      write_pairs(out, "params", run.params);
      write_pairs(out, "tags", run.tags);
    });
    out.object("inputs", [&] {
      out.list("dataset_inputs", run.inputs, [&](const auto& input) { write(out, input); });
      out.list("model_inputs", run.model_inputs,
               [&](const auto& id) { out.object([&] { out.field("model_id", id); }); });
    });
    out.object("outputs",
               [&] { out.list("model_outputs", run.model_outputs, [&](const auto& model) { write(out, model); }); });
  });
}

void write(JsonWriter& out, const tracking::DatasetSummary& summary) {
  out.object([&] {
    out.field("experiment_id", summary.experiment_id);
    out.field("name", summary.name);
    out.field("digest", summary.digest);
    if (summary.context) out.field("context", *summary.context);
  });
}

void write(JsonWriter& out, const tracking::LoggedModel& model) {
  out.object([&] {
    out.object("info", [&] {
      out.field("model_id", model.id);
      out.field("experiment_id", model.experiment_id);
      out.field("name", model.name);
      out.field("creation_timestamp_ms", milliseconds(model.creation_time));
      out.field("last_updated_timestamp_ms", milliseconds(model.last_update_time));
      out.field("artifact_uri", model.artifact_uri);
      out.field("status", to_text(model.status));
      write_if_set(out, "model_type", model.model_type);
      write_if_set(out, "source_run_id", model.source_run_id);
      write_if_set(out, "status_message", model.status_message);
      write_pairs(out, "tags", model.tags);
    });
    out.object("data", [&] {
      write_pairs(out, "params", model.params);
      out.list("metrics", model.metrics, [&](const auto& metric) { write(out, metric); });
    });
  });
}

void append_points(std::string& json, std::string_view key, std::span<const tracking::Point> points,
                   std::string_view run_id) {
  const std::string before = fmt::format("{{\"key\":{},\"value\":", quoted(key));
  const std::string after = run_id.empty() ? "}" : fmt::format(",\"run_id\":{}}}", quoted(run_id));
  json.reserve(json.size() + points.size() * (before.size() + after.size() + kNumbersOfAPoint));
  for (const tracking::Point& point : points) {
    if (!json.empty() && json.back() == '}') json += ',';
    json += before;
    if (std::isnan(point.value))
      json += "\"NaN\"";
    else
      append_number(json, point.value);
    const fmt::format_int time(milliseconds(point.timestamp));
    json.append(",\"timestamp\":").append(time.data(), time.size());
    const fmt::format_int step(point.step);
    json.append(",\"step\":").append(step.data(), step.size()).append(after);
  }
}

}  // namespace millrace::api::mlflow
