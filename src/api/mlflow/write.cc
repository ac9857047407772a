#include "api/mlflow/write.h"

namespace millrace::api::mlflow {

namespace {

void write_pair(JsonWriter& out, std::string_view key, std::string_view value) {
  out.object([&] {
    out.field("key", key);
    out.field("value", value);
  });
}

template <typename List>
void write_pairs(JsonWriter& out, std::string_view name, const List& list) {
  out.list(name, list, [&](const auto& item) { write_pair(out, item.key, item.value); });
}

void write_info(JsonWriter& out, const tracking::Run& run) {
  out.field("run_uuid", run.id);
  out.field("experiment_id", run.experiment_id);
  out.field("run_name", run.name);
  out.field("user_id", "");
  out.field("status", to_text(run.status));
  out.field("start_time", milliseconds(run.start_time));
  if (run.end_time) out.field("end_time", milliseconds(*run.end_time));
  out.field("artifact_uri", run.artifact_uri);
  out.field("lifecycle_stage", to_text(run.lifecycle_stage));
  out.field("run_id", run.id);
}

}  // namespace

void write(JsonWriter& out, const tracking::Experiment& experiment) {
  out.object([&] {
    out.field("experiment_id", experiment.id);
    out.field("name", experiment.name);
    out.field("artifact_location", "mlflow-artifacts:/" + experiment.id);
    out.field("lifecycle_stage", to_text(experiment.lifecycle_stage));
    out.field("last_update_time", milliseconds(experiment.last_update_time));
    out.field("creation_time", milliseconds(experiment.creation_time));
    write_pairs(out, "tags", experiment.tags);
  });
}

void write(JsonWriter& out, const tracking::Metric& metric) {
  out.object([&] {
    out.field("key", metric.key);
    out.field("value", metric.value);
    out.field("timestamp", milliseconds(metric.timestamp));
    out.field("step", metric.step);
  });
}

void write(JsonWriter& out, const tracking::Run& run) {
  out.object([&] {
    out.object("info", [&] { write_info(out, run); });
    out.object("data", [&] {
      out.list("metrics", run.metrics, [&](const auto& metric) { write(out, metric); });
      write_pairs(out, "params", run.params);
      write_pairs(out, "tags", run.tags);
    });
    out.object("inputs", [] {});
    out.object("outputs", [] {});
  });
}

std::vector<tracking::Tag> read_tags(const Fields& in) {
  std::vector<tracking::Tag> tags;
  for (const Fields& tag : in.messages("tags")) {
    tags.push_back({std::string(tag.text("key").value_or("")), std::string(tag.text("value").value_or(""))});
  }
  return tags;
}

}  // namespace millrace::api::mlflow
