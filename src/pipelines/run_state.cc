#include "pipelines/run_state.h"

#include <nlohmann/json.hpp>

#include "pipelines/substitute.h"

namespace millrace::pipelines {
namespace {

Result<PipelineSpec> parse_document(const RunRow& run, std::span<const BuiltinStep> builtins) {
  Diagnostics diagnostics;
  const std::vector<Node> documents = parse_yaml(run.document, run.pipeline, diagnostics);
  std::optional<PipelineSpec> spec;
  if (documents.size() == 1) spec = parse_pipeline(documents.front(), builtins, diagnostics);
  if (spec && diagnostics.empty()) return std::move(*spec);
  return failed_precondition("pipeline {} as it was when the run started is not understood by this version: {}",
                             run.pipeline, diagnostics.empty() ? "no document" : diagnostics.list.front().message);
}

Result<Names> substitution_names(const RunRow& run) {
  Names names;
  for (const auto& [name, value] : TRY(parse_object(run.params))) names["params." + name] = value;
  names["event_time"] = dump_json(Json(format_time(run.event_time)));
  names["run.id"] = dump_json(Json(run.id));
  return names;
}

Result<ResolvedInput> find_input(const RunState& run, const ResolvedInputs& pins, const InputRef& ref) {
  if (ref.kind != InputRef::Kind::kStepOutput) {
    const auto pin = pins.find(ref.text);
    if (pin == pins.end()) return internal_error("{} was not resolved when the run began", ref.text);
    return pin->second;
  }
  for (const StepRow& step : run.steps) {
    if (step.name != ref.name) continue;
    ResolvedInputs outputs = TRY(parse_resolved_inputs(step.outputs));
    ResolvedInput output = outputs[ref.selector];
    output.ref = ref.text;
    return output;
  }
  return internal_error("there is no step {}", ref.name);
}

}  // namespace

std::string to_json_text(const ResolvedInputs& inputs) {
  Json json = Json::object();
  for (const auto& [name, input] : inputs) json[name] = resolved_input_json(input);
  return dump_json(json);
}

Result<ResolvedInputs> parse_resolved_inputs(const std::string& text) {
  const Json json = TRY(parse_json(text));
  ResolvedInputs inputs;
  for (const auto& [name, value] : json.items()) inputs[name] = TRY(parse_resolved_input(value));
  return inputs;
}

std::string object_text(const JsonTexts& members) {
  Json json = Json::object();
  for (const auto& [name, value] : members) json[name] = MUST(parse_json(value));
  return dump_json(json);
}

Result<JsonTexts> parse_object(const std::string& text) {
  const Json json = TRY(parse_json(text));
  JsonTexts members;
  for (const auto& [name, value] : json.items()) members[name] = dump_json(value);
  return members;
}

ResolvedInputs RunState::pins() const { return MUST(parse_resolved_inputs(row.pins)); }

Result<RunState> load_run(RunStore& store, std::span<const BuiltinStep> builtins, const std::string& id) {
  RunState run{.row = TRY(store.find(id)), .steps = TRY(store.steps(id))};
  run.spec = TRY(parse_document(run.row, builtins));
  if (run.spec.steps.size() != run.steps.size()) return data_loss("pipeline run {} lacks rows of its steps", id);
  return run;
}

Snapshot snapshot_of(const RunState& run) {
  Snapshot snapshot{.cancel_requested = run.row.cancel_requested, .parallel = run.spec.parallel};
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    snapshot.steps.push_back({.status = run.steps[i].status, .needs = run.spec.steps[i].needs});
  }
  return snapshot;
}

Result<StepPlan> plan_step(const RunState& run, std::size_t step) {
  const StepSpec& spec = run.spec.steps[step];
  const ResolvedInputs pins = run.pins();
  const Names names = TRY(substitution_names(run.row));
  StepPlan plan;
  for (const StepInput& input : spec.inputs) plan.inputs[input.name] = TRY(find_input(run, pins, input.ref));
  for (const WithValue& value : spec.with) plan.params[value.name] = TRY(substitute(value.value, names));
  plan.command = TRY(substitute_command(spec.run, names));
  return plan;
}

}  // namespace millrace::pipelines
