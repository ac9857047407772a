#include "pipelines/step_worker.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxResult = 1 << 20;
constexpr std::string_view kKeyStart = "step:";

Result<void> copy_tree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return internal_error("cannot copy {} to {}: {}", from.string(), to.string(), error.message());
  return {};
}

// The text of result.json as a JSON object; empty where there is none.
Result<std::string> read_result(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::string();
  const std::string text = TRY(read_file(path));
  if (text.size() > kMaxResult) return invalid_argument("result.json is larger than 1 MiB; write an output instead");
  const auto json = parse_json(text);
  if (!json) return invalid_argument("result.json is not JSON: {}", json.error().message);
  if (!json->is_object()) return invalid_argument("result.json is not a JSON object");
  return dump_json(*json);
}

std::string result_text(const StepResult& result) {
  Json json = Json::object();
  json["outputs"] = MUST(parse_json(to_json_text(result.outputs)));
  json["result"] = result.result;
  return dump_json(json);
}

}  // namespace

// Where an attempt works.
struct StepWorker::Place {
  RunState run;
  std::size_t step;
  fs::path directory;

  const StepSpec& spec() const { return run.spec.steps[step]; }
  fs::path output(const std::string& name) const { return directory / "outputs" / name; }
  fs::path result() const { return directory / "result.json"; }
};

std::string step_job_key(const std::string& run, const std::string& step) {
  return fmt::format("{}{}/{}", kKeyStart, run, step);
}

Result<StepResult> parse_step_result(const std::string& job_result) {
  const Json json = TRY(parse_json(job_result));
  return StepResult{.outputs = TRY(parse_resolved_inputs(dump_json(json.at("outputs")))),
                    .result = json.at("result").get<std::string>()};
}

Result<StepWorker::Place> StepWorker::find(const jobs::Job& job) {
  const std::string_view key = job.spec.key;
  const std::size_t slash = key.find('/');
  if (!key.starts_with(kKeyStart) || slash == std::string_view::npos) {
    return invalid_argument("\"{}\" is not the key of a step's job", key);
  }
  const std::string run_id(key.substr(kKeyStart.size(), slash - kKeyStart.size()));
  const std::string_view step = key.substr(slash + 1);
  RunState run = TRY(load_run(store_, options_.builtins, run_id));
  const StepSpec* spec = run.spec.find_step(step);
  if (spec == nullptr) return not_found("pipeline run {} has no step {}", run_id, step);
  const auto index = static_cast<std::size_t>(spec - run.spec.steps.data());
  fs::path directory =
      fs::absolute(options_.work_directory) / run_id / std::string(step) / std::to_string(job.attempts);
  return Place{.run = std::move(run), .step = index, .directory = std::move(directory)};
}

Result<StepContext> StepWorker::make_context(const Place& place, int attempt) {
  StepPlan plan = TRY(plan_step(place.run, place.step));
  for (auto& [name, input] : plan.inputs) {
    if (input.kind == kind_name(InputRef::Kind::kStepOutput)) {
      input.path = TRY(blobs_.local_path(input.uri)).string();
    }
  }
  const RunRow& row = place.run.row;
  StepContext context{.server = options_.server_url ? options_.server_url() : "",
                      .project = row.project,
                      .pipeline = row.pipeline,
                      .pipeline_run_id = row.id,
                      .step = place.spec().name,
                      .attempt = attempt,
                      .event_time = row.event_time,
                      .params = std::move(plan.params),
                      .inputs = std::move(plan.inputs),
                      .result = place.result()};
  for (const std::string& output : place.spec().outputs) context.outputs[output] = place.output(output);
  return context;
}

Result<void> StepWorker::prepare(const jobs::Job& job, jobs::Command& command) {
  const Place place = TRY(find(job));
  const StepContext context = TRY(make_context(place, job.attempts));
  TRY(remove_tree(place.directory));
  TRY(make_directories(place.directory / "outputs"));
  TRY(write_file(place.directory / "context.json", step_context_text(context)));
  command.env[kStepContextVariable] = (place.directory / "context.json").string();
  if (options_.secrets) command.env.merge(options_.secrets(context));
  command.cwd = place.directory;
  if (place.spec().run.empty()) return {};

  for (const auto& [name, value] : step_environment(context)) command.env[name] = value;
  command.cwd = place.directory / "project";
  return copy_tree(place.run.row.directory, command.cwd);
}

Result<std::string> StepWorker::collect(const jobs::Job& job) {
  const Place place = TRY(find(job));
  const StepSpec& spec = place.spec();
  for (const std::string& output : spec.outputs) {
    std::error_code ignored;
    if (fs::exists(place.output(output), ignored)) continue;
    return failed_precondition("step {} ended without its output \"{}\"", spec.name, output);
  }
  StepResult collected{.result = TRY(read_result(place.result()))};
  for (const std::string& output : spec.outputs) {
    const fs::path path = place.output(output);
    const std::string name = fmt::format("{}/{}/{}", place.run.row.id, spec.name, output);
    const std::string key = "pipelines/" + name;
    ResolvedInput artifact{.kind = std::string(kind_name(InputRef::Kind::kStepOutput)),
                           .hash = TRY(sha256_tree(path)),
                           .artifact = "output:" + name};
    artifact.uri = TRY(fs::is_directory(path) ? blobs_.put_tree(path, key, blob::Origin::kTake)
                                              : blobs_.put_file(path, key, blob::Origin::kTake));
    collected.outputs[output] = std::move(artifact);
  }
  return result_text(collected);
}

void StepWorker::clean(const std::string& run, const std::string& step) {
  if (const auto removed = remove_tree(options_.work_directory / run / step); !removed) {
    log::warn("cannot remove the work folder of a step", {{"run", run}, {"error", removed.error().message}});
  }
}

}  // namespace millrace::pipelines
