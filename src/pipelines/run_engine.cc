#include "pipelines/run_engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/suggest.h"

namespace millrace::pipelines {
namespace {

bool same_type(const Json& a, const Json& b) { return (a.is_number() && b.is_number()) || a.type() == b.type(); }

std::string_view type_of(const Json& value) {
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "true or false";
  if (value.is_array()) return "a list";
  return value.is_object() ? "a mapping" : "null";
}

Result<void> check_param(const Param& param, const std::string& text) {
  const auto value = parse_json(text);
  if (!value) return invalid_argument("param {} is not JSON: {}", param.name, value.error().message);
  const Json fallback = TRY(parse_json(param.value));
  if (fallback.is_null() || same_type(fallback, *value)) return {};
  return invalid_argument("param {} must be {}, not {}", param.name, type_of(fallback), type_of(*value));
}

// The defaults with what a start gives.
Result<JsonTexts> merge_params(const PipelineSpec& spec, const JsonTexts& given) {
  JsonTexts params;
  std::vector<std::string> names;
  for (const Param& param : spec.params) {
    names.push_back(param.name);
    params[param.name] = param.value;
    if (const auto value = given.find(param.name); value != given.end()) {
      TRY(check_param(param, value->second));
      params[param.name] = value->second;
    }
  }
  for (const auto& [name, value] : given) {
    if (params.contains(name)) continue;
    return invalid_argument("pipeline {} has no param \"{}\"{}", spec.name, name, did_you_mean(name, names));
  }
  return params;
}

Result<PipelineRun> to_run(const RunRow& row) {
  return PipelineRun{.id = row.id,
                     .pipeline = row.pipeline,
                     .number = row.number,
                     .status = row.status,
                     .params = TRY(parse_object(row.params)),
                     .event_time = row.event_time,
                     .cause = row.cause,
                     .error = row.error,
                     .created = row.created,
                     .started = row.started,
                     .finished = row.finished};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(EngineParts parts, EngineOptions options) {
  TRY(make_directories(options.work_directory));
  RunStore store = TRY(RunStore::open(parts.database));
  auto engine = std::make_unique<RunEngine>(parts, std::move(options), store);
  engine->take_jobs();
  return engine;
}

RunEngine::RunEngine(EngineParts parts, EngineOptions options, RunStore store)
    : parts_(parts),
      options_(std::move(options)),
      store_(store),
      worker_(options_, store_, parts_.blobs),
      keys_(options_) {}

RunEngine::~RunEngine() { stop(); }

void RunEngine::take_jobs() {
  parts_.queue.handle("step", {.prepare = [this](const jobs::Job& job,
                                                 jobs::Command& command) { return worker_.prepare(job, command); },
                               .collect = [this](const jobs::Job& job) { return worker_.collect(job); },
                               .finished = [this](const jobs::Job&) { wake(); }});
}

void RunEngine::apply(std::vector<PipelineSpec> pipelines, Project project) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(pipelines_, [&](const auto& entry) { return entry.second.project.name == project.name; });
  for (PipelineSpec& spec : pipelines) {
    const std::string name = spec.name;
    pipelines_.insert_or_assign(name, Applied{std::move(spec), project});
  }
}

std::vector<PipelineSpec> RunEngine::list_pipelines() {
  const std::scoped_lock lock(mutex_);
  std::vector<PipelineSpec> specs;
  for (const auto& [name, applied] : pipelines_) specs.push_back(applied.spec);
  return specs;
}

Result<RunEngine::Applied> RunEngine::find_pipeline(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = pipelines_.find(name); found != pipelines_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, applied] : pipelines_) names.push_back(known);
  return not_found("pipeline {} does not exist{}", name, did_you_mean(name, names));
}

Result<std::string> RunEngine::start_run(const StartRequest& request) {
  const Applied pipeline = TRY(find_pipeline(request.pipeline));
  RunRow run{.id = parts_.ids.next(),
             .pipeline = request.pipeline,
             .key = request.key,
             .document = pipeline.spec.document,
             .project = pipeline.project.name,
             .directory = std::filesystem::absolute(pipeline.project.directory).string(),
             .params = object_text(TRY(merge_params(pipeline.spec, request.params))),
             .event_time = request.event_time,
             .cause = request.cause,
             .concurrency = pipeline.spec.concurrency,
             .created = parts_.wall_clock.now()};
  if (run.key.empty()) run.key = run.id;

  db::Transaction tx = TRY(store_.begin(db::Durability::kFull));
  if (auto earlier = TRY(store_.find_key(tx, run.pipeline, run.key))) return std::move(*earlier);
  TRY(store_.insert(tx, run, pipeline.spec.steps));
  TRY(tx.commit());
  wake();
  return run.id;
}

Result<void> RunEngine::cancel_run(const std::string& id) {
  TRY(store_.find(id));
  TRY(store_.request_cancel(id));
  wake();
  return {};
}

Result<std::int64_t> RunEngine::active() { return store_.count_active(); }

Result<StepRun> RunEngine::to_step_run(const StepRow& row) {
  StepRun step{.name = row.name,
               .status = row.status,
               .cached_from = row.cached_from,
               .job = row.job,
               .inputs = TRY(parse_resolved_inputs(row.inputs)),
               .outputs = TRY(parse_resolved_inputs(row.outputs)),
               .result = row.result,
               .error = row.error,
               .started = row.started,
               .finished = row.finished};
  if (row.job) step.attempts = TRY(parts_.queue.find_job(*row.job)).attempts;
  return step;
}

Result<PipelineRun> RunEngine::find_run(const std::string& id) {
  PipelineRun run = TRY(to_run(TRY(store_.find(id))));
  for (const StepRow& step : TRY(store_.steps(id))) run.steps.push_back(TRY(to_step_run(step)));
  return run;
}

Result<Page<PipelineRun>> RunEngine::list_runs(const RunFilter& filter, const PageRequest& page) {
  const Page<RunRow> rows = TRY(store_.list(filter, page));
  Page<PipelineRun> runs{.next = rows.next};
  for (const RunRow& row : rows.items) runs.items.push_back(TRY(to_run(row)));
  return runs;
}

Result<jobs::LogChunk> RunEngine::read_log(const std::string& run, const std::string& step, std::int64_t offset) {
  const RunStatus status = TRY(store_.find(run)).status;
  for (const StepRow& row : TRY(store_.steps(run))) {
    if (row.name != step) continue;
    if (row.job) return parts_.queue.read_log(*row.job, offset);
    const bool ended = row.status != StepStatus::kPending && row.status != StepStatus::kRunning;
    return jobs::LogChunk{.next = offset, .complete = ended || is_finished(status)};
  }
  return not_found("pipeline run {} has no step {}", run, step);
}

}  // namespace millrace::pipelines
