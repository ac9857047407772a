#include <nlohmann/json.hpp>

#include "lineage/graph.h"
#include "pipelines/run_engine.h"

namespace millrace::pipelines {
namespace {

std::string step_node(const RunState& run, const StepRow& step) {
  return fmt::format("step:{}/{}", run.row.id, step.name);
}

}  // namespace

Result<void> RunEngine::record_step(const RunState& run, const StepRow& step) {
  db::Transaction tx = TRY(store_.begin(db::Durability::kRelaxed));
  TRY(store_.update_step(tx, run.row.id, step));
  if (step.status == StepStatus::kSucceeded) {
    TRY(record_lineage(tx, run, step));
    if (!step.cache_key.empty() && step.cached_from.empty()) TRY(store_.remember(tx, run.row.id, step));
  }
  TRY(publish_step(tx, run, step));
  return tx.commit();
}

Result<void> RunEngine::publish_step(db::Transaction& tx, const RunState& run, const StepRow& step) {
  Json data = {{"pipeline", run.row.pipeline},
               {"run", run.row.id},
               {"step", step.name},
               {"status", std::string(to_text(step.status))}};
  if (!step.cached_from.empty()) data["cached_from"] = step.cached_from;
  if (!step.error.empty()) data["error"] = step.error;
  TRY(parts_.events.publish(tx, "pipeline_run.step", run.row.pipeline, run.row.event_time, data));
  return {};
}

Result<void> RunEngine::record_lineage(db::Transaction& tx, const RunState& run, const StepRow& step) {
  const StepSpec& spec = run.spec.steps[step.position];
  lineage::Execution execution{.id = step_node(run, step),
                               .kind = "step",
                               .name = fmt::format("{}/{}", run.row.pipeline, step.name),
                               .event_time = run.row.event_time};
  execution.data = {{"pipeline", run.row.pipeline}, {"run", run.row.id}, {"step", step.name}};
  execution.data[spec.uses.empty() ? "command" : "uses"] = spec.uses.empty() ? spec.run : spec.uses;
  if (!step.cached_from.empty()) execution.data["cached_from"] = step.cached_from;
  TRY(parts_.lineage.add_execution(tx, execution));

  for (const auto& [name, input] : TRY(parse_resolved_inputs(step.inputs))) {
    if (!input.artifact.empty()) TRY(parts_.lineage.add_edge(tx, input.artifact, execution.id));
  }
  if (!step.cached_from.empty()) return {};  // its outputs came of the earlier step
  for (const auto& [name, output] : TRY(parse_resolved_inputs(step.outputs))) {
    lineage::Artifact artifact{.id = output.artifact, .kind = "output", .name = step.name + "." + name};
    artifact.data = {{"uri", output.uri}, {"hash", output.hash}};
    TRY(parts_.lineage.add_artifact(tx, artifact));
    TRY(parts_.lineage.add_edge(tx, execution.id, output.artifact));
  }
  return {};
}

Result<void> RunEngine::publish_run(db::Transaction& tx, const RunRow& run, const std::string& type) {
  const Json data = {{"pipeline", run.pipeline},
                     {"run", run.id},
                     {"status", std::string(to_text(run.status))},
                     {"trigger", run.cause}};
  TRY(parts_.events.publish(tx, type, run.pipeline, run.event_time, data));
  return {};
}

}  // namespace millrace::pipelines
