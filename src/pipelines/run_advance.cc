#include <algorithm>

#include "pipelines/run_engine.h"

namespace millrace::pipelines {
namespace {

jobs::JobSpec step_job(const RunState& run, std::size_t step, const std::string& program, const std::string& command) {
  const StepSpec& spec = run.spec.steps[step];
  jobs::JobSpec job{.key = step_job_key(run.row.id, spec.name),
                    .kind = "step",
                    .timeout = spec.timeout.value_or(Duration{0}),
                    .retry = {.retries = spec.retries}};
  job.command = spec.run.empty() ? jobs::Command{.argv = {program, "step", spec.uses}} : jobs::shell_command(command);
  return job;
}

std::string first_failure(const RunState& run) {
  for (const StepRow& step : run.steps) {
    if (step.status == StepStatus::kFailed) return fmt::format("step {}: {}", step.name, step.error);
  }
  return "";
}

// Did the actions end pending steps, so that there may be more to do now?
bool settles_more(const Snapshot& snapshot, const std::vector<Action>& actions) {
  return std::ranges::any_of(actions, [&](const Action& action) {
    const bool later = action.kind == Action::Kind::kStart || action.kind == Action::Kind::kFinish;
    return !later && snapshot.steps[action.step].status == StepStatus::kPending;
  });
}

}  // namespace

Result<void> RunEngine::advance(const std::string& id) {
  while (true) {
    auto loaded = load_run(store_, options_.builtins, id);
    if (!loaded && loaded.error().code == Code::kFailedPrecondition) {
      return fail_run(TRY(store_.find(id)), loaded.error());
    }
    RunState run = TRY(std::move(loaded));
    TRY(settle_steps(run));
    Snapshot snapshot = snapshot_of(run);
    ReadySteps ready = TRY(look_at_ready(run, snapshot));
    const std::vector<Action> actions = plan(snapshot);
    for (const Action& action : actions) TRY(act(run, action, ready));

    if (!settles_more(snapshot, actions)) return {};
  }
}

Result<void> RunEngine::settle_steps(RunState& run) {
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (run.steps[i].status != StepStatus::kRunning) continue;
    if (!run.steps[i].job) TRY(submit(run, i, TRY(plan_step(run, i)).command));  // the server died before it could
    const jobs::Job job = TRY(parts_.queue.find_job(*run.steps[i].job));
    if (is_finished(job.status)) TRY(settle(run, i, job));
  }
  return {};
}

Result<void> RunEngine::settle(RunState& run, std::size_t step, const jobs::Job& job) {
  StepRow row = run.steps[step];
  row.finished = parts_.wall_clock.now();
  row.error = job.error;
  if (job.status == jobs::Status::kSucceeded) {
    const StepResult result = TRY(parse_step_result(job.result));
    row.status = StepStatus::kSucceeded;
    row.outputs = to_json_text(result.outputs);
    row.result = result.result;
  } else {
    row.status = job.status == jobs::Status::kCancelled ? StepStatus::kCancelled : StepStatus::kFailed;
  }
  TRY(record_step(run, row));
  run.steps[step] = row;
  worker_.clean(run.row.id, row.name);
  return {};
}

// Looks for earlier results of the steps that could start, and says so in the snapshot. A step that cannot be started
// at all has failed.
Result<RunEngine::ReadySteps> RunEngine::look_at_ready(RunState& run, Snapshot& snapshot) {
  ReadySteps ready;
  const bool starts =
      std::ranges::any_of(plan(snapshot), [](const Action& a) { return a.kind == Action::Kind::kStart; });
  for (std::size_t i = 0; starts && i < run.steps.size(); ++i) {
    if (!is_ready(snapshot, i)) continue;
    auto looked = look_at(run, i);
    if (looked) {
      looked->cached = TRY(find_cached(looked->cache_key));
      snapshot.steps[i].cached = looked->cached.has_value();
      ready[i] = std::move(*looked);
      continue;
    }
    if (looked.error().code == Code::kUnavailable) return std::unexpected(looked.error());  // only away for now
    StepRow& row = run.steps[i];
    row.status = StepStatus::kFailed;
    row.error = looked.error().message;
    row.finished = parts_.wall_clock.now();
    TRY(record_step(run, row));
    snapshot.steps[i].status = row.status;
  }
  return ready;
}

Result<RunEngine::Ready> RunEngine::look_at(const RunState& run, std::size_t step) {
  Ready ready{.plan = TRY(plan_step(run, step))};
  ready.cache_key = TRY(keys_.key(run, step, ready.plan));
  return ready;
}

// An earlier result whose outputs are still there.
Result<std::optional<CacheEntry>> RunEngine::find_cached(const std::string& cache_key) {
  if (cache_key.empty()) return std::nullopt;
  auto entry = TRY(store_.find_cached(cache_key));
  if (!entry) return std::nullopt;
  for (const auto& [name, output] : TRY(parse_resolved_inputs(entry->outputs))) {
    if (!TRY(parts_.blobs.exists(output.uri))) return std::nullopt;
  }
  return entry;
}

Result<void> RunEngine::act(RunState& run, const Action& action, ReadySteps& ready) {
  switch (action.kind) {
    case Action::Kind::kStart:
      return start_step(run, action.step, ready.at(action.step));
    case Action::Kind::kReuse:
      return reuse_step(run, action.step, ready.at(action.step));
    case Action::Kind::kSkip:
      run.steps[action.step].status = StepStatus::kSkipped;
      return record_step(run, run.steps[action.step]);
    case Action::Kind::kCancel:
      return cancel_step(run, action.step);
    case Action::Kind::kFinish:
      return finish_run(run, action.status);
  }
  return {};
}

Result<void> RunEngine::start_step(RunState& run, std::size_t step, const Ready& ready) {
  StepRow& row = run.steps[step];
  row.status = StepStatus::kRunning;
  row.inputs = to_json_text(ready.plan.inputs);
  row.cache_key = ready.cache_key;
  row.started = parts_.wall_clock.now();
  TRY(record_step(run, row));
  return submit(run, step, ready.plan.command);
}

Result<void> RunEngine::submit(RunState& run, std::size_t step, const std::string& command) {
  StepRow& row = run.steps[step];
  row.job = TRY(parts_.queue.submit(step_job(run, step, options_.program, command))).id;
  db::Transaction tx = TRY(store_.begin(db::Durability::kRelaxed));
  TRY(store_.update_step(tx, run.row.id, row));
  return tx.commit();
}

Result<void> RunEngine::reuse_step(RunState& run, std::size_t step, const Ready& ready) {
  StepRow& row = run.steps[step];
  row.status = StepStatus::kSucceeded;
  row.cached_from = ready.cached->run;
  row.inputs = to_json_text(ready.plan.inputs);
  row.outputs = ready.cached->outputs;
  row.result = ready.cached->result;
  row.cache_key = ready.cache_key;
  row.started = row.finished = parts_.wall_clock.now();
  return record_step(run, row);
}

Result<void> RunEngine::cancel_step(RunState& run, std::size_t step) {
  StepRow& row = run.steps[step];
  if (row.job) return parts_.queue.cancel(*row.job);
  row.status = StepStatus::kCancelled;
  row.finished = parts_.wall_clock.now();
  return record_step(run, row);
}

Result<void> RunEngine::finish_run(RunState& run, RunStatus status) {
  run.row.status = status;
  run.row.finished = parts_.wall_clock.now();
  if (status == RunStatus::kFailed) run.row.error = first_failure(run);
  db::Transaction tx = TRY(store_.begin(db::Durability::kFull));
  TRY(store_.update_run(tx, run.row));
  TRY(publish_run(tx, run.row, "pipeline_run.finished"));
  TRY(tx.commit());
  worker_.clean(run.row.id);
  wake();  // a later run may have waited for it
  return {};
}

}  // namespace millrace::pipelines
