#include "delivery/project_spec.h"

namespace millrace::delivery {
namespace {

constexpr char kProjectSchema[] = {
#embed "project.schema.json"
    , 0};
constexpr char kReplaySchema[] = {
#embed "replay.schema.json"
    , 0};

}  // namespace

std::string_view project_schema() { return kProjectSchema; }
std::string_view replay_schema() { return kReplaySchema; }

std::optional<ProjectSpec> parse_project(const Node& document, Diagnostics& diagnostics) {
  auto faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Project");
  ProjectSpec spec{.at = document.at};
  reader.required_string("kind");
  spec.name = reader.required_string("name");
  spec.description = reader.string("description").value_or("");
  if (auto mode = reader.choice("clock", {"wall", "event"})) (void)from_text(*mode, spec.clock);
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return spec;
}

std::optional<ReplaySpec> parse_replay(const Node& document, Diagnostics& diagnostics) {
  auto faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Replay");
  ReplaySpec spec{.at = document.at};
  reader.required_string("kind");
  spec.name = reader.required_string("name");
  reader.string("description");
  spec.source = reader.required_string("source");
  spec.sql = reader.required_string("sql");
  auto time = [&](std::string_view key) {
    if (!document.find(key)) reader.fault(key, fmt::format("Replay needs the key \"{}\"", key));
    return reader.timestamp(key).value_or(Timestamp{});
  };
  spec.from = time("from");
  spec.until = time("until");
  spec.predict_from = time("predict_from");
  spec.step = reader.duration("step").value_or(spec.step);
  if (spec.step <= Duration{0} || std::chrono::days(1) % spec.step != Duration{0})
    reader.fault("step", "\"step\" must divide a day, as 1h or 1d do");
  spec.batch_dataset = reader.required_string("batches");
  spec.push_dataset = reader.string("pushes").value_or("");
  spec.endpoint = reader.required_string("endpoint");
  spec.id = reader.required_string("id");
  spec.asked_at = reader.required_string("asked_at");
  spec.known_at = reader.required_string("known_at");
  spec.label = reader.required_string("label");
  spec.inputs = reader.strings("inputs");
  spec.columns = reader.strings("columns");
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return spec;
}

}  // namespace millrace::delivery
