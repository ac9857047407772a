#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::pipelines {

// What an input came to for one run; see docs/formats/step_protocol.md.
struct ResolvedInput {
  std::string ref;   // as written
  std::string kind;  // dataset, output, model, file
  std::string uri;
  std::string path;  // on this machine; may be empty for a dataset
  std::string version;
  std::string hash;      // of the content; the cache goes by it
  std::string artifact;  // its id in the lineage graph
};

// The file that MILLRACE_STEP_CONTEXT names: what one attempt of a step reads and where it writes.
struct StepContext {
  std::string server;  // "http://127.0.0.1:8080"
  std::string project;
  std::string pipeline;
  std::string pipeline_run_id;
  std::string step;
  int attempt = 1;
  Timestamp event_time;
  std::map<std::string, std::string> params;  // JSON text by name
  std::map<std::string, ResolvedInput> inputs;
  std::map<std::string, std::filesystem::path> outputs;  // to be created by the step: a file or a folder
  std::filesystem::path result;                          // where it may write a JSON object of small values
};

inline constexpr const char* kStepContextVariable = "MILLRACE_STEP_CONTEXT";

std::string step_context_text(const StepContext& context);
Result<StepContext> parse_step_context(std::string_view text);
// The context of this process.
Result<StepContext> read_step_context();

// MILLRACE_INPUT_<NAME>, MILLRACE_OUTPUT_<NAME>, MILLRACE_PARAM_<NAME>: names in upper case, what is no letter or digit
// as "_"; params that are strings as they are, others as JSON.
std::map<std::string, std::string> step_environment(const StepContext& context);

Json resolved_input_json(const ResolvedInput& input);
Result<ResolvedInput> parse_resolved_input(const Json& json);

}  // namespace millrace::pipelines
