#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/client.h"
#include "base/json.h"
#include "base/result.h"
#include "duck/duck.h"
#include "pipelines/builtin_step.h"
#include "pipelines/step_context.h"

namespace millrace::app {

// One run of a built-in step: its declared inputs, outputs and parameters, and the server that it may ask.
class StepRun {
 public:
  static Result<StepRun> open(pipelines::StepContext context);

  const pipelines::StepContext& context() const { return context_; }
  api::ApiClient& api() { return api_; }
  // An in-memory DuckDB of this process.
  Result<duck::Connection> connect();

  // kNotFound names what the document left out.
  Result<const pipelines::ResolvedInput*> input(std::string_view name) const;
  const pipelines::ResolvedInput* find_input(std::string_view name) const;
  Result<std::filesystem::path> output(std::string_view name) const;
  // A JSON file that another step wrote.
  Result<Json> read_input(std::string_view name) const;
  Result<void> write_output(std::string_view name, const Json& json) const;
  // Small values that are shown with the step.
  Result<void> write_result(const Json& json) const;

  // `with` values; the error names the key and what it should be.
  Json value(std::string_view key) const;  // null where absent
  Result<std::string> string(std::string_view key) const;
  Result<std::string> string_or(std::string_view key, std::string_view otherwise) const;
  Result<double> number_or(std::string_view key, double otherwise) const;
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t otherwise) const;
  Result<Duration> duration_or(std::string_view key, Duration otherwise) const;

  // A key for what this step makes on the server: the same for every attempt.
  std::string key(std::string_view what) const;
  // A line of the step's log.
  static void say(std::string_view line);

 private:
  StepRun(pipelines::StepContext context, api::ApiClient api, std::unique_ptr<duck::Database> duck)
      : context_(std::move(context)), api_(std::move(api)), duck_(std::move(duck)) {}

  pipelines::StepContext context_;
  api::ApiClient api_;
  std::unique_ptr<duck::Database> duck_;
};

// A step that runs as `millrace step NAME`.
struct Step {
  pipelines::BuiltinStep declaration;
  Result<void> (*run)(StepRun& run);
};

// The one table of them.
std::span<const Step> steps();
std::vector<pipelines::BuiltinStep> step_declarations();

// Each in the file of its name.
Result<void> run_ingest(StepRun& run);
Result<void> run_validate(StepRun& run);
Result<void> run_features(StepRun& run);
Result<void> run_train(StepRun& run);
Result<void> run_evaluate(StepRun& run);
Result<void> run_register(StepRun& run);
Result<void> run_gate(StepRun& run);
Result<void> run_deploy(StepRun& run);

}  // namespace millrace::app
