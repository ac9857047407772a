#include <exception>

#include "base/log.h"
#include "pipelines/pin_inputs.h"
#include "pipelines/run_engine.h"

namespace millrace::pipelines {
namespace {

// How long a full disk or the like is waited for before all is looked at again.
constexpr Duration kPause = std::chrono::seconds(1);

}  // namespace

Result<void> RunEngine::start() {
  const std::scoped_lock lock(mutex_);
  work_waits_ = true;
  thread_ = std::jthread([this](std::stop_token stop) {
    while (wait_for_work(stop)) work(stop);
  });
  return {};
}

void RunEngine::stop() {
  parts_.queue.stop();
  std::jthread thread;
  {
    const std::scoped_lock lock(mutex_);
    thread.swap(thread_);
  }
}

void RunEngine::wake() {
  {
    const std::scoped_lock lock(mutex_);
    work_waits_ = true;
  }
  changed_.notify_all();
}

bool RunEngine::wait_for_work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const bool waits = changed_.wait(lock, stop, [this] { return work_waits_; });
  work_waits_ = false;
  return waits && !stop.stop_requested();
}

void RunEngine::work(const std::stop_token& stop) {
  Result<void> looked;
  try {
    looked = look_at_all();
  } catch (const std::exception& e) {
    looked = internal_error("{}", e.what());
  }
  if (looked) return;
  log::error("pipeline runs do not go on", {{"error", looked.error().message}});
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, kPause, [] { return false; });
  work_waits_ = true;
}

Result<void> RunEngine::look_at_all() {
  TRY(begin_runs(TRY(store_.active())));
  Result<void> first_fault;
  for (const RunRow& run : TRY(store_.active())) {
    if (run.status != RunStatus::kRunning) continue;
    const Result<void> advanced = advance(run.id);
    if (!advanced && first_fault) first_fault = advanced;
  }
  return first_fault;
}

Result<void> RunEngine::begin_runs(const std::vector<RunRow>& active) {
  std::map<std::string, std::vector<RunRow>> by_pipeline;
  for (const RunRow& run : active) by_pipeline[run.pipeline].push_back(run);
  for (const auto& [pipeline, runs] : by_pipeline) {
    std::vector<ActiveRun> states;
    for (const RunRow& run : runs) states.push_back({run.status, run.concurrency});
    for (const std::size_t i : runs_to_begin(states)) TRY(begin_run(runs[i]));
  }
  return {};
}

// What is only away for now, the database say, is waited for.
Result<void> RunEngine::begin_run(RunRow row) {
  auto run = load_run(store_, options_.builtins, row.id);
  if (!run && run.error().code == Code::kUnavailable) return std::unexpected(run.error());
  if (!run) return fail_run(std::move(row), run.error());
  if (!row.cancel_requested) {
    const auto pins = pin_inputs(run->spec, {.name = row.project, .directory = row.directory}, options_.resolver);
    if (!pins && pins.error().code == Code::kUnavailable) return std::unexpected(pins.error());
    if (!pins) return fail_run(std::move(row), pins.error());
    row.pins = to_json_text(*pins);
  }
  row.status = RunStatus::kRunning;
  row.started = parts_.wall_clock.now();
  db::Transaction tx = TRY(store_.begin(db::Durability::kRelaxed));
  TRY(store_.update_run(tx, row));
  TRY(publish_run(tx, row, "pipeline_run.started"));
  return tx.commit();
}

// Ends a run that cannot begin or go on; its steps are skipped.
Result<void> RunEngine::fail_run(RunRow row, const Error& error) {
  const bool began = row.status == RunStatus::kRunning;
  std::vector<StepRow> steps = TRY(store_.steps(row.id));
  for (const StepRow& step : steps) {
    if (step.status == StepStatus::kRunning && step.job) TRY(parts_.queue.cancel(*step.job));
  }
  db::Transaction tx = TRY(store_.begin(db::Durability::kFull));
  if (!began) {
    row.started = parts_.wall_clock.now();
    row.status = RunStatus::kRunning;
    TRY(publish_run(tx, row, "pipeline_run.started"));
  }
  for (StepRow& step : steps) {
    if (step.status != StepStatus::kPending && step.status != StepStatus::kRunning) continue;
    step.status = step.status == StepStatus::kPending ? StepStatus::kSkipped : StepStatus::kCancelled;
    TRY(store_.update_step(tx, row.id, step));
  }
  row.status = RunStatus::kFailed;
  row.error = error.message;
  row.finished = parts_.wall_clock.now();
  TRY(store_.update_run(tx, row));
  TRY(publish_run(tx, row, "pipeline_run.finished"));
  TRY(tx.commit());
  wake();
  return {};
}

}  // namespace millrace::pipelines
