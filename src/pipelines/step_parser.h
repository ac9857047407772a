#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/document.h"
#include "pipelines/builtin_step.h"
#include "pipelines/pipeline_spec.h"

namespace millrace::pipelines {

struct NameAt {
  std::string name;
  Position at;
};

// A step of a document, with what can only be settled beside its siblings.
struct ParsedStep {
  StepSpec spec;
  std::vector<NameAt> needs;          // by name, as written
  std::vector<Reference> references;  // to other documents
  Position run_at;                    // of the command
};

ParsedStep parse_step(const Node& node, std::span<const BuiltinStep> builtins, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
