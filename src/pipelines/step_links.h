#pragma once

#include <vector>

#include "base/document.h"
#include "pipelines/step_parser.h"

namespace millrace::pipelines {

// Fills StepSpec::needs from the steps' inputs and `needs`; names that no step has, outputs that a step does not make,
// names used twice and cycles are faults.
void link_steps(std::vector<ParsedStep>& steps, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
