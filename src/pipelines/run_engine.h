#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "pipelines/pipelines.h"
#include "pipelines/run_state.h"
#include "pipelines/run_store.h"
#include "pipelines/step_keys.h"
#include "pipelines/step_worker.h"

namespace millrace::pipelines {

// The engine: one thread that looks at every active run whenever something happened, asks plan() and does what it says.
// All that it knows is in the tables and the job queue, so it does after a restart what it does always.
class RunEngine final : public Engine {
 public:
  RunEngine(EngineParts parts, EngineOptions options, RunStore store);
  ~RunEngine() override;
  void take_jobs();

  void apply(std::vector<PipelineSpec> pipelines, Project project) override;
  std::vector<PipelineSpec> list_pipelines() override;
  Result<void> start() override;
  void stop() override;
  Result<std::string> start_run(const StartRequest& request) override;
  Result<void> cancel_run(const std::string& id) override;
  Result<std::int64_t> active() override;
  Result<PipelineRun> find_run(const std::string& id) override;
  Result<Page<PipelineRun>> list_runs(const RunFilter& filter, const PageRequest& page) override;
  Result<jobs::LogChunk> read_log(const std::string& run, const std::string& step, std::int64_t offset) override;

 private:
  struct Applied {
    PipelineSpec spec;
    Project project;
  };
  // A ready step, looked at.
  struct Ready {
    StepPlan plan;
    std::string cache_key;
    std::optional<CacheEntry> cached;
  };
  using ReadySteps = std::map<std::size_t, Ready>;

  Result<Applied> find_pipeline(const std::string& name);
  Result<StepRun> to_step_run(const StepRow& row);

  // On the engine's thread (run_loop.cc):
  void work(const std::stop_token& stop);
  bool wait_for_work(const std::stop_token& stop);
  void wake();
  Result<void> look_at_all();
  Result<void> begin_runs(const std::vector<RunRow>& active);
  Result<void> begin_run(RunRow row);
  Result<void> fail_run(RunRow row, const Error& error);

  // A run's next moves (run_advance.cc):
  Result<void> advance(const std::string& id);
  Result<void> settle_steps(RunState& run);
  Result<void> settle(RunState& run, std::size_t step, const jobs::Job& job);
  Result<ReadySteps> look_at_ready(RunState& run, Snapshot& snapshot);
  Result<Ready> look_at(const RunState& run, std::size_t step);
  Result<std::optional<CacheEntry>> find_cached(const std::string& cache_key);
  Result<void> act(RunState& run, const Action& action, ReadySteps& ready);
  Result<void> start_step(RunState& run, std::size_t step, const Ready& ready);
  Result<void> submit(RunState& run, std::size_t step, const std::string& command);
  Result<void> reuse_step(RunState& run, std::size_t step, const Ready& ready);
  Result<void> cancel_step(RunState& run, std::size_t step);
  Result<void> finish_run(RunState& run, RunStatus status);

  // Each one transaction (run_record.cc):
  Result<void> record_step(const RunState& run, const StepRow& step);
  Result<void> publish_step(db::Transaction& tx, const RunState& run, const StepRow& step);
  Result<void> record_lineage(db::Transaction& tx, const RunState& run, const StepRow& step);
  Result<void> publish_run(db::Transaction& tx, const RunRow& run, const std::string& type);

  EngineParts parts_;
  const EngineOptions options_;
  RunStore store_;
  StepWorker worker_;
  StepKeys keys_;  // the engine's thread only

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::map<std::string, Applied> pipelines_;
  bool work_waits_ = false;
  std::jthread thread_;
};

}  // namespace millrace::pipelines
