#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "blob/blob.h"
#include "db/db.h"
#include "events/events.h"
#include "jobs/jobs.h"
#include "lineage/lineage.h"
#include "pipelines/pipeline_spec.h"
#include "pipelines/plan.h"
#include "pipelines/step_context.h"

namespace millrace::pipelines {

// Finds what a dataset or model reference means now. Called on the engine's thread when a run begins; what it answers
// stays with the run. A name that does not exist is kNotFound.
using Resolver = std::function<Result<ResolvedInput>(const InputRef& ref)>;

struct EngineOptions {
  std::filesystem::path work_directory;  // scratch folders of running steps; emptied as they end
  std::string program;                   // built-ins are run as PROGRAM step NAME
  std::string build_id;                  // of the built-ins' code
  std::vector<BuiltinStep> builtins;
  Resolver resolver;
  std::function<std::string()> server_url;  // asked when a step starts
  // What an attempt finds in its environment and nobody writes down: a token of its own. May be empty.
  std::function<std::map<std::string, std::string>(const StepContext& context)> secrets;
};

// What the engine works with; all outlive it.
struct EngineParts {
  db::Database& database;
  events::Log& events;
  lineage::Store& lineage;
  blob::Store& blobs;
  jobs::Queue& queue;
  const Clock& wall_clock;
  IdSource& ids;
};

// The project that pipelines come from. The folder must not change: the server applies into a fresh one.
struct Project {
  std::string name;
  std::filesystem::path directory;
};

struct StartRequest {
  std::string pipeline;
  std::map<std::string, std::string> params;  // JSON text by name, over the defaults
  std::string key;                            // one key of a pipeline starts one run
  Timestamp event_time;
  std::string cause;  // "manual", "trigger:on_drift"
};

struct StepRun {
  std::string name;
  StepStatus status = StepStatus::kPending;
  std::string cached_from;  // the run whose result was reused; empty: executed
  std::optional<jobs::JobId> job;
  int attempts = 0;
  std::map<std::string, ResolvedInput> inputs;
  std::map<std::string, ResolvedInput> outputs;
  std::string result;  // result.json's text; empty where the step wrote none
  std::string error;
  std::optional<Timestamp> started;
  std::optional<Timestamp> finished;
};

struct PipelineRun {
  std::string id;
  std::string pipeline;
  std::int64_t number = 0;  // 1, 2, 3.. over all pipelines, in the order of starting
  RunStatus status = RunStatus::kQueued;
  std::map<std::string, std::string> params;  // JSON text, defaults included
  Timestamp event_time;
  std::string cause;
  std::string error;  // what failed first, e.g. "step train: exit status 1"
  Timestamp created;
  std::optional<Timestamp> started;
  std::optional<Timestamp> finished;
  std::vector<StepRun> steps;  // in the document's order; empty in lists
};

struct RunFilter {
  std::optional<std::string> pipeline;
  std::optional<RunStatus> status;
};

// Runs pipelines: each run is a row whose steps become jobs; every change is one transaction, so that a restart goes on
// where the last one stopped. Thread-safe; not to be changed by a thread that has a db::Transaction open.
//
// Is nothing left to do anywhere? Exactly when, in this order: N = events.newest(); events.idle(); active() == 0;
// events.newest() == N. For a run publishes an event when it begins and when it finishes.
class Engine {
 public:
  // Takes the jobs of kind "step"; so before queue.start().
  static Result<std::unique_ptr<Engine>> open(EngineParts parts, EngineOptions options);
  virtual ~Engine() = default;

  // The pipelines that can be started from now on, instead of those before. Runs that have been started keep theirs.
  virtual void apply(std::vector<PipelineSpec> pipelines, Project project) = 0;
  virtual std::vector<PipelineSpec> list_pipelines() = 0;

  // Takes up the unfinished runs; before queue.start().
  virtual Result<void> start() = 0;
  // Returns when the engine's thread has ended; stops the queue, whose jobs call back. The destructor does the same.
  virtual void stop() = 0;

  // The run's id. An unknown pipeline is kNotFound; an unknown param or one of the wrong type kInvalidArgument.
  virtual Result<std::string> start_run(const StartRequest& request) = 0;
  // Running steps are ended; the run then is `cancelled`. A finished run is left as it is.
  virtual Result<void> cancel_run(const std::string& id) = 0;
  // Runs from the commit of their row until the commit that finishes them.
  virtual Result<std::int64_t> active() = 0;

  virtual Result<PipelineRun> find_run(const std::string& id) = 0;
  // The newest first, without their steps.
  virtual Result<Page<PipelineRun>> list_runs(const RunFilter& filter, const PageRequest& page) = 0;
  virtual Result<jobs::LogChunk> read_log(const std::string& run, const std::string& step, std::int64_t offset) = 0;
};

}  // namespace millrace::pipelines
