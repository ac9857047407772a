#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/time.h"
#include "pipelines/builtin_step.h"
#include "pipelines/input_ref.h"

namespace millrace::pipelines {

struct Param {
  std::string name;
  std::string value;  // the default, as JSON text; "null" takes any type
  Position at;
};

struct StepInput {
  std::string name;
  InputRef ref;
};

struct WithValue {
  std::string name;
  std::string value;  // JSON text, its ${...} not yet resolved
  Position at;
};

struct StepSpec {
  std::string name;
  Position at;
  std::string uses;  // the built-in's name, or empty
  std::string run;   // the shell command, or empty
  std::vector<StepInput> inputs;
  std::vector<std::string> outputs;  // of a built-in: its fixed ones
  std::vector<WithValue> with;
  std::vector<std::string> code;  // project files that make up the code of `run`; empty: the whole project folder
  int retries = 0;
  std::optional<Duration> timeout;
  bool cache = true;               // as declared, and false for built-ins with side effects
  std::vector<std::size_t> needs;  // indices of the steps before it: by its inputs and by `needs`; sorted
};

// A name in the document that must be another document's.
struct Reference {
  std::string kind;  // "Dataset", or a BuiltinKey's refers_to
  std::string name;
  Position at;
};

struct PipelineSpec {
  std::string name;
  Position at;
  std::string description;
  std::vector<Param> params;
  std::vector<StepSpec> steps;  // in the file's order
  int concurrency = 1;          // runs of this pipeline at once; later ones wait in order
  int parallel = 0;             // steps of a run at once; 0: what the job queue allows
  std::vector<Reference> references;
  std::string document;  // the document as JSON text: parses to the same spec again

  const StepSpec* find_step(std::string_view step) const;
};

// The spec of a document of kind Pipeline; nothing where the document is of another kind or has faults, which go to
// `diagnostics`, each at its position.
std::optional<PipelineSpec> parse_pipeline(const Node& document, std::span<const BuiltinStep> builtins,
                                           Diagnostics& diagnostics);

// The JSON Schema (draft 2020-12) of kind Pipeline.
std::string_view pipeline_schema();

}  // namespace millrace::pipelines
