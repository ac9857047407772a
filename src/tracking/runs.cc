#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/db.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/run_name.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::string_view kRunNameTag = "mlflow.runName";

struct RunStageRow {
  std::int64_t number = 0;
  std::int64_t experiment_id = 0;
  LifecycleStage stage = LifecycleStage::kActive;
};
BOOST_DESCRIBE_STRUCT(RunStageRow, (), (number, experiment_id, stage))

struct ExperimentStageRow {
  std::int64_t id = 0;
  LifecycleStage stage = LifecycleStage::kActive;
};
BOOST_DESCRIBE_STRUCT(ExperimentStageRow, (), (id, stage))

struct EndedRow {
  std::string id;
  std::string name;
  RunStatus status = RunStatus::kRunning;
  std::string experiment;
};
BOOST_DESCRIBE_STRUCT(EndedRow, (), (id, name, status, experiment))

std::string run_node(std::string_view id) { return fmt::format("run:{}", id); }

// The name asked for, by itself or by MLflow's tag, else one made from the id.
Result<std::string> choose_name(const NewRun& run, std::string_view id) {
  const auto tag = std::ranges::find(run.tags, kRunNameTag, &Tag::key);
  if (tag == run.tags.end()) return run.name.empty() ? run_name_of(id) : run.name;
  if (!run.name.empty() && run.name != tag->value) {
    return invalid_argument(
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{}', "
        "mlflow.runName='{}').",
        run.name, tag->value);
  }
  if (tag->value.empty()) return run.name.empty() ? run_name_of(id) : run.name;
  return tag->value;
}

// Where a run's artifacts are: below its experiment's.
Result<std::string> artifact_uri_of(db::Transaction& tx, std::int64_t experiment, std::string_view run_id) {
  const auto known =
      TRY(tx.query<std::string>("select coalesce(artifact_location, '') from experiments where id = ?", experiment));
  std::string root = known.front().empty() ? default_artifact_location(experiment) : known.front();
  return artifact_uri_below(root, fmt::format("{}/artifacts", run_id));
}

}  // namespace

std::unexpected<Error> no_run(std::string_view id) { return not_found("Run with id={} not found", id); }

std::string artifact_uri_below(std::string_view location, std::string_view path) {
  const std::size_t query = std::min(location.find('?'), location.size());
  std::string_view root = location.substr(0, query);
  while (root.ends_with('/')) root.remove_suffix(1);
  return fmt::format("{}/{}{}", root, path, location.substr(query));
}

Result<void> set_run_tag(db::Transaction& tx, std::int64_t run, std::string_view key, std::string_view value) {
  const std::string_view kept = cut(value, kMaxTagValue);
  TRY(tx.execute(R"sql(
insert into run_tags (run, key, value)
values (?, ?, ?)
on conflict (run, key) do update set value = excluded.value
)sql",
                 run, key, kept));
  if (key == kRunNameTag) TRY(tx.execute("update runs set name = ? where number = ?", kept, run));
  return {};
}

Result<ActiveRun> active_run(db::Transaction& tx, std::string_view id) {
  const auto rows =
      TRY(tx.query<RunStageRow>("select number, experiment_id, lifecycle_stage from runs where id = ?", id));
  if (rows.empty()) return no_run(id);
  if (rows.front().stage == LifecycleStage::kDeleted) {
    return failed_precondition("The run {} must be in the 'active' state. Current state is deleted.", id);
  }
  return ActiveRun{rows.front().number, rows.front().experiment_id};
}

Result<void> Store::change_run(std::string_view id, const RunWork& work) {
  ActiveRun run;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    run = TRY(active_run(tx, id));
    return work(tx, run);
  }));
  if (parts_.run_changed) parts_.run_changed(run.experiment_id, run.number);
  return {};
}

Result<std::int64_t> Store::experiment_for(db::Transaction& tx, const NewRun& run) {
  const bool by_id = !run.experiment_id.empty();
  const std::int64_t number = by_id ? TRY(experiment_number(run.experiment_id)) : 0;
  const auto rows =
      by_id ? TRY(tx.query<ExperimentStageRow>("select id, lifecycle_stage from experiments where id = ?", number))
            : TRY(tx.query<ExperimentStageRow>("select id, lifecycle_stage from experiments where name = ?",
                                               run.experiment));
  if (rows.empty() && by_id) return not_found("No Experiment with id={} exists", number);
  if (rows.empty()) return insert_experiment(tx, {.name = run.experiment});
  if (rows.front().stage == LifecycleStage::kDeleted) {
    return failed_precondition("The experiment {} must be in the 'active' state. Current state is deleted.",
                               rows.front().id);
  }
  return rows.front().id;
}

Result<void> Store::insert_run(db::Transaction& tx, const std::string& id, const NewRun& run) {
  const std::int64_t experiment = TRY(experiment_for(tx, run));
  const std::string name = TRY(choose_name(run, id));
  const Timestamp start = run.start_time.value_or(parts_.clock.now());
  const std::int64_t number = TRY(tx.insert(R"sql(
insert into runs (id, experiment_id, name, status, start_time, artifact_uri, user_id, key)
values (?, ?, ?, ?, ?, ?, ?, nullif(?, ''))
returning number
)sql",
                                            id, experiment, name, RunStatus::kRunning, start,
                                            TRY(artifact_uri_of(tx, experiment, id)), run.user_id, run.key));
  for (const Tag& tag : run.tags) {
    TRY(check_tag_key(tag.key));
    TRY(set_run_tag(tx, number, tag.key, tag.value));
  }
  TRY(set_run_tag(tx, number, kRunNameTag, name));
  return parts_.lineage.add_execution(tx, {.id = run_node(id), .kind = "run", .name = name, .event_time = start});
}

Result<Run> Store::create_run(const NewRun& run) {
  std::string id = parts_.ids.next();
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    if (!run.key.empty()) {
      const auto known = TRY(tx.query<std::string>("select id from runs where key = ?", run.key));
      if (!known.empty()) {
        id = known.front();
        return {};
      }
    }
    return insert_run(tx, id, run);
  }));
  return find_run(id);
}

Result<Run> Store::find_run(std::string_view id) const {
  auto runs = TRY(
      load_runs(parts_.database, TRY(parts_.database.query<RunRow>(std::string(kSelectRuns) + " where id = ?", id))));
  if (runs.empty()) return no_run(id);
  return std::move(runs.front());
}

Result<Run> Store::update_run(std::string_view id, const RunUpdate& update) {
  TRY(change_run(id, [&](db::Transaction& tx, const ActiveRun& run) -> Result<void> {
    if (update.name) TRY(set_run_tag(tx, run.number, kRunNameTag, *update.name));
    for (const Tag& tag : update.tags) TRY(set_run_tag(tx, run.number, tag.key, tag.value));
    return set_status(tx, run.number, update);
  }));
  return find_run(id);
}

Result<void> Store::set_status(db::Transaction& tx, std::int64_t run, const RunUpdate& update) {
  if (!update.status) {
    if (update.end_time) TRY(tx.execute("update runs set end_time = ? where number = ?", *update.end_time, run));
    return {};
  }
  const RunRow before = TRY(tx.query<RunRow>(std::string(kSelectRuns) + " where number = ?", run)).front();
  const RunStatus status = *update.status;
  if (before.status == status && !update.end_time) return {};
  std::optional<Timestamp> end;
  if (is_final(status)) end = update.end_time.value_or(parts_.clock.now());
  TRY(tx.execute("update runs set status = ?, end_time = ? where number = ?", status, end, run));
  if (!is_final(status) || before.status == status) return {};
  return publish_run_finished(tx, parts_.events, parts_.clock, run);
}

Result<void> publish_run_finished(db::Transaction& tx, events::Log& events, const Clock& clock, std::int64_t run) {
  const auto rows = TRY(tx.query<EndedRow>(R"sql(
select runs.id, runs.name, runs.status, experiments.name
from runs
join experiments on experiments.id = runs.experiment_id
where runs.number = ?
)sql",
                                           run));
  const EndedRow& row = rows.front();
  TRY(events.publish(tx, "run.finished", row.id, clock.now(),
                     {{"experiment", row.experiment}, {"name", row.name}, {"status", to_text(row.status)}}));
  return {};
}

Result<Run> Store::finish(std::string_view id, RunStatus status) { return update_run(id, {.status = status}); }

Result<void> Store::set_stage(std::string_view run_id, LifecycleStage stage) {
  const auto deleted = stage == LifecycleStage::kDeleted ? std::optional(parts_.clock.now()) : std::nullopt;
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto changed =
        TRY(tx.execute("update runs set lifecycle_stage = ?, deleted_time = ? where id = ?", stage, deleted, run_id));
    if (changed == 0) return no_run(run_id);
    return {};
  });
}

Result<void> Store::delete_run(std::string_view id) { return set_stage(id, LifecycleStage::kDeleted); }
Result<void> Store::restore_run(std::string_view id) { return set_stage(id, LifecycleStage::kActive); }

}  // namespace millrace::tracking
