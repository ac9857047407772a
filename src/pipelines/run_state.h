#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipelines/builtin_step.h"
#include "pipelines/pipeline_spec.h"
#include "pipelines/plan.h"
#include "pipelines/run_store.h"
#include "pipelines/step_context.h"

namespace millrace::pipelines {

using ResolvedInputs = std::map<std::string, ResolvedInput>;
using JsonTexts = std::map<std::string, std::string>;  // JSON text by name

// The forms of maps in tables.
std::string to_json_text(const ResolvedInputs& inputs);
Result<ResolvedInputs> parse_resolved_inputs(const std::string& text);
std::string object_text(const JsonTexts& members);
Result<JsonTexts> parse_object(const std::string& text);

// A run with its own copy of the pipeline, as the tables have it.
struct RunState {
  RunRow row;
  std::vector<StepRow> steps;  // beside spec.steps, by position
  PipelineSpec spec;

  ResolvedInputs pins() const;  // by reference text
};

Result<RunState> load_run(RunStore& store, std::span<const BuiltinStep> builtins, const std::string& id);

Snapshot snapshot_of(const RunState& run);

// What a step is about to be run with.
struct StepPlan {
  ResolvedInputs inputs;
  JsonTexts params;     // `with`, resolved
  std::string command;  // `run`, resolved; empty for a built-in
};

// For a step whose needs have succeeded.
Result<StepPlan> plan_step(const RunState& run, std::size_t step);

}  // namespace millrace::pipelines
