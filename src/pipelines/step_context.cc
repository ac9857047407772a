#include "pipelines/step_context.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace millrace::pipelines {
namespace {

std::string variable_name(std::string_view prefix, std::string_view name) {
  std::string result(prefix);
  for (const char c : name) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    result += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
  }
  return result;
}

// The string member of a JSON object; "" where it is absent.
std::string text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int integer(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int>() : 0;
}

Result<Json> object_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) return invalid_argument("the step context has no object \"{}\"", key);
  return *found;
}

Result<void> read_maps(const Json& json, StepContext& context) {
  for (const auto& [name, value] : TRY(object_member(json, "params")).items()) {
    context.params[name] = dump_json(value);
  }
  for (const auto& [name, value] : TRY(object_member(json, "inputs")).items()) {
    context.inputs[name] = TRY(parse_resolved_input(value));
  }
  for (const auto& [name, value] : TRY(object_member(json, "outputs")).items()) {
    context.outputs[name] = text(value, "path");
  }
  return {};
}

}  // namespace

Json resolved_input_json(const ResolvedInput& input) {
  return {{"ref", input.ref},         {"kind", input.kind}, {"uri", input.uri},          {"path", input.path},
          {"version", input.version}, {"hash", input.hash}, {"artifact", input.artifact}};
}

Result<ResolvedInput> parse_resolved_input(const Json& json) {
  if (!json.is_object()) return invalid_argument("an input of a step must be an object");
  return ResolvedInput{.ref = text(json, "ref"),
                       .kind = text(json, "kind"),
                       .uri = text(json, "uri"),
                       .path = text(json, "path"),
                       .version = text(json, "version"),
                       .hash = text(json, "hash"),
                       .artifact = text(json, "artifact")};
}

std::string step_context_text(const StepContext& context) {
  Json params = Json::object();
  for (const auto& [name, value] : context.params) params[name] = MUST(parse_json(value));
  Json inputs = Json::object();
  for (const auto& [name, input] : context.inputs) inputs[name] = resolved_input_json(input);
  Json outputs = Json::object();
  for (const auto& [name, path] : context.outputs) outputs[name] = {{"path", path.string()}};
  return dump_json_pretty({{"protocol", 1},
                           {"server", context.server},
                           {"project", context.project},
                           {"pipeline", context.pipeline},
                           {"pipeline_run_id", context.pipeline_run_id},
                           {"step", context.step},
                           {"attempt", context.attempt},
                           {"event_time", format_time(context.event_time)},
                           {"params", params},
                           {"inputs", inputs},
                           {"outputs", outputs},
                           {"result", context.result.string()}});
}

Result<StepContext> parse_step_context(std::string_view context_text) {
  const Json json = TRY(parse_json(context_text));
  if (!json.is_object() || integer(json, "protocol") != 1) {
    return failed_precondition("the step context is not of protocol 1; step and server must be of one version");
  }
  StepContext context{.server = text(json, "server"),
                      .project = text(json, "project"),
                      .pipeline = text(json, "pipeline"),
                      .pipeline_run_id = text(json, "pipeline_run_id"),
                      .step = text(json, "step"),
                      .attempt = integer(json, "attempt"),
                      .event_time = TRY(parse_time(text(json, "event_time"))),
                      .result = text(json, "result")};
  TRY(read_maps(json, context));
  return context;
}

Result<StepContext> read_step_context() {
  const char* path = std::getenv(kStepContextVariable);
  if (path == nullptr) {
    return failed_precondition("{} is not set; a step is started by a pipeline run", kStepContextVariable);
  }
  return parse_step_context(TRY(read_file(path)));
}

std::map<std::string, std::string> step_environment(const StepContext& context) {
  std::map<std::string, std::string> env;
  for (const auto& [name, input] : context.inputs) {
    env[variable_name("MILLRACE_INPUT_", name)] = input.path.empty() ? input.uri : input.path;
  }
  for (const auto& [name, path] : context.outputs) env[variable_name("MILLRACE_OUTPUT_", name)] = path.string();
  for (const auto& [name, value] : context.params) {
    const Json json = MUST(parse_json(value));
    env[variable_name("MILLRACE_PARAM_", name)] = json.is_string() ? json.get<std::string>() : value;
  }
  return env;
}

}  // namespace millrace::pipelines
