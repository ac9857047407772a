#pragma once

#include "base/result.h"
#include "pipelines/pipelines.h"
#include "pipelines/run_state.h"

namespace millrace::pipelines {

// What the references of a pipeline to datasets, models and files mean now, by reference text. An error names the step
// and the input.
Result<ResolvedInputs> pin_inputs(const PipelineSpec& spec, const Project& project, const Resolver& resolver);

}  // namespace millrace::pipelines
