#include "app/steps/step.h"

#include <fmt/core.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace millrace::app {

Result<StepRun> StepRun::open(pipelines::StepContext context) {
  auto api = TRY(api::ApiClient::open(context.server, api::client_options_of_environment()));
  auto duck = TRY(duck::Database::open({.memory_limit = std::uint64_t{1} << 30, .threads = 2, .temp_directory = {}}));
  return StepRun(std::move(context), std::move(api), std::move(duck));
}

Result<duck::Connection> StepRun::connect() { return duck_->connect(); }

const pipelines::ResolvedInput* StepRun::find_input(std::string_view name) const {
  auto found = context_.inputs.find(std::string(name));
  return found == context_.inputs.end() ? nullptr : &found->second;
}

Result<const pipelines::ResolvedInput*> StepRun::input(std::string_view name) const {
  if (auto* found = find_input(name)) return found;
  return not_found("step {} has no input \"{}\"", context_.step, name);
}

Result<std::filesystem::path> StepRun::output(std::string_view name) const {
  auto found = context_.outputs.find(std::string(name));
  if (found == context_.outputs.end()) return not_found("step {} has no output \"{}\"", context_.step, name);
  return found->second;
}

Result<Json> StepRun::read_input(std::string_view name) const {
  auto* found = TRY(input(name));
  return parse_json(TRY(read_file(found->path)));
}

Result<void> StepRun::write_output(std::string_view name, const Json& json) const {
  return write_file(TRY(output(name)), dump_json_pretty(json));
}

Result<void> StepRun::write_result(const Json& json) const {
  return write_file(context_.result, dump_json_pretty(json));
}

Json StepRun::value(std::string_view key) const {
  auto found = context_.params.find(std::string(key));
  return found == context_.params.end() ? Json(nullptr) : parse_json(found->second).value_or(nullptr);
}

Result<std::string> StepRun::string(std::string_view key) const {
  auto json = value(key);
  if (json.is_string()) return json.get<std::string>();
  return invalid_argument("step {} needs `with: {}:`, a string", context_.step, key);
}

Result<std::string> StepRun::string_or(std::string_view key, std::string_view otherwise) const {
  return value(key).is_null() ? std::string(otherwise) : string(key);
}

Result<double> StepRun::number_or(std::string_view key, double otherwise) const {
  auto json = value(key);
  if (json.is_null()) return otherwise;
  if (json.is_number()) return json.get<double>();
  return invalid_argument("step {}: `{}` must be a number, not {}", context_.step, key, dump_json(json));
}

Result<std::int64_t> StepRun::integer_or(std::string_view key, std::int64_t otherwise) const {
  auto json = value(key);
  if (json.is_null()) return otherwise;
  if (json.is_number_integer()) return json.get<std::int64_t>();
  return invalid_argument("step {}: `{}` must be a whole number, not {}", context_.step, key, dump_json(json));
}

Result<Duration> StepRun::duration_or(std::string_view key, Duration otherwise) const {
  auto json = value(key);
  if (json.is_null()) return otherwise;
  if (!json.is_string())
    return invalid_argument("step {}: `{}` must be a length of time such as 7d", context_.step, key);
  return parse_duration(json.get<std::string>());
}

std::string StepRun::key(std::string_view what) const {
  return fmt::format("{}/{}/{}", context_.pipeline_run_id, context_.step, what);
}

void StepRun::say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace millrace::app
