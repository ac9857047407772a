#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "blob/blob.h"
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

// Of a run or an experiment.
struct StageRow {
  std::int64_t id = 0;
  LifecycleStage stage = LifecycleStage::kActive;
};
BOOST_DESCRIBE_STRUCT(StageRow, (), (id, stage))

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
    return invalid_argument("the run's name is \"{}\", but its tag {} says \"{}\"", run.name, kRunNameTag, tag->value);
  }
  return tag->value;
}

std::unexpected<Error> no_run(std::string_view id) { return not_found("run {} does not exist", id); }

}  // namespace

Result<void> set_run_tag(db::Transaction& tx, std::int64_t run, std::string_view key, std::string_view value) {
  TRY(tx.execute(R"sql(
insert into run_tags (run, key, value)
values (?, ?, ?)
on conflict (run, key) do update set value = excluded.value
)sql",
                 run, key, cut(value, kMaxTagValue)));
  return {};
}

Result<std::int64_t> active_run(db::Transaction& tx, std::string_view id) {
  const auto rows = TRY(tx.query<StageRow>("select number, lifecycle_stage from runs where id = ?", id));
  if (rows.empty()) return no_run(id);
  if (rows.front().stage == LifecycleStage::kDeleted) {
    return failed_precondition("run {} is deleted; restore it to change it", id);
  }
  return rows.front().id;
}

Result<std::int64_t> Store::experiment_for(db::Transaction& tx, const NewRun& run) {
  const bool by_id = !run.experiment_id.empty();
  const auto rows =
      by_id ? TRY(tx.query<StageRow>("select id, lifecycle_stage from experiments where id = ?",
                                     experiment_number(run.experiment_id)))
            : TRY(tx.query<StageRow>("select id, lifecycle_stage from experiments where name = ?", run.experiment));
  if (rows.empty() && by_id) return not_found("experiment {} does not exist", run.experiment_id);
  if (rows.empty()) return insert_experiment(tx, run.experiment, {});
  if (rows.front().stage == LifecycleStage::kDeleted) {
    return failed_precondition("experiment {} is deleted; restore it to add runs", rows.front().id);
  }
  return rows.front().id;
}

Result<void> Store::insert_run(db::Transaction& tx, const std::string& id, const NewRun& run) {
  const std::int64_t experiment = TRY(experiment_for(tx, run));
  const std::string name = TRY(choose_name(run, id));
  const Timestamp start = run.start_time.value_or(parts_.clock.now());
  const std::int64_t number =
      TRY(tx.insert(R"sql(
insert into runs (id, experiment_id, name, status, start_time, artifact_uri, key)
values (?, ?, ?, ?, ?, ?, nullif(?, ''))
returning number
)sql",
                    id, experiment, name, RunStatus::kRunning, start,
                    blob::uri_of(fmt::format("runs/{}/{}/artifacts", experiment, id)), run.key));
  for (const Tag& tag : run.tags) {
    TRY(check_key("tag", tag.key));
    TRY(set_run_tag(tx, number, tag.key, tag.value));
  }
  TRY(set_run_tag(tx, number, kRunNameTag, name));
  return parts_.lineage.add_execution(tx, {.id = run_node(id), .kind = "run", .name = name, .event_time = start});
}

Result<Run> Store::create_run(const NewRun& run) {
  db::Transaction tx = TRY(parts_.database.begin());
  if (!run.key.empty()) {
    const auto known = TRY(tx.query<std::string>("select id from runs where key = ?", run.key));
    if (!known.empty()) return find_run(known.front());
  }
  const std::string id = parts_.ids.next();
  TRY(insert_run(tx, id, run));
  TRY(tx.commit());
  return find_run(id);
}

Result<Run> Store::find_run(std::string_view id) const {
  auto runs = TRY(
      load_runs(parts_.database, TRY(parts_.database.query<RunRow>(std::string(kSelectRuns) + " where id = ?", id))));
  if (runs.empty()) return no_run(id);
  return std::move(runs.front());
}

// A page's cursor is its last run's start and id, "START:ID".
Result<Page<Run>> Store::list_runs(const RunFilter& filter, const PageRequest& page) const {
  std::int64_t start = kMaxNumber;
  std::string_view id;
  if (!page.after.empty()) {
    const std::string_view cursor = page.after;
    const std::size_t colon = std::min(cursor.find(':'), cursor.size() - 1);
    start = TRY(cursor_integer(cursor.substr(0, colon)));
    id = cursor.substr(colon + 1);
  }
  auto rows =
      TRY(parts_.database.query<RunRow>(std::string(kSelectRuns) + R"sql(
where (start_time < ?1 or (start_time = ?1 and id > ?2))
  and (?3 = '' or experiment_id = ?4)
  and (?5 = '' or lifecycle_stage = ?5)
order by start_time desc, id
limit ?6
)sql",
                                        start, id, filter.experiment_id, experiment_number(filter.experiment_id),
                                        stage_of(filter.view), page.rows() + 1));
  return make_page(TRY(load_runs(parts_.database, std::move(rows))), page,
                   [](const Run& last) { return fmt::format("{}:{}", last.start_time.us, last.id); });
}

Result<Run> Store::update_run(std::string_view id, const RunUpdate& update) {
  db::Transaction tx = TRY(parts_.database.begin());
  const std::int64_t number = TRY(active_run(tx, id));
  if (update.name) {
    TRY(tx.execute("update runs set name = ? where number = ?", *update.name, number));
    TRY(set_run_tag(tx, number, kRunNameTag, *update.name));
  }
  if (update.status) TRY(set_status(tx, number, update));
  TRY(tx.commit());
  return find_run(id);
}

Result<void> Store::set_status(db::Transaction& tx, std::int64_t run, const RunUpdate& update) {
  const RunRow before = TRY(tx.query<RunRow>(std::string(kSelectRuns) + " where number = ?", run)).front();
  const RunStatus status = *update.status;
  if (before.status == status && !update.end_time) return {};
  std::optional<Timestamp> end;
  if (is_final(status)) end = update.end_time.value_or(parts_.clock.now());
  TRY(tx.execute("update runs set status = ?, end_time = ? where number = ?", status, end, run));
  if (!is_final(status) || before.status == status) return {};
  return publish_finished(tx, run);
}

Result<void> Store::publish_finished(db::Transaction& tx, std::int64_t run) {
  const auto rows = TRY(tx.query<EndedRow>(R"sql(
select runs.id, runs.name, runs.status, experiments.name
from runs
join experiments on experiments.id = runs.experiment_id
where runs.number = ?
)sql",
                                           run));
  const EndedRow& row = rows.front();
  TRY(parts_.events.publish(tx, "run.finished", row.id, parts_.clock.now(),
                            {{"experiment", row.experiment}, {"name", row.name}, {"status", to_text(row.status)}}));
  return {};
}

Result<Run> Store::finish(std::string_view id, RunStatus status) { return update_run(id, {.status = status}); }

Result<void> Store::set_stage(std::string_view run_id, LifecycleStage stage) {
  const auto deleted = stage == LifecycleStage::kDeleted ? std::optional(parts_.clock.now()) : std::nullopt;
  const auto changed = TRY(parts_.database.execute("update runs set lifecycle_stage = ?, deleted_time = ? where id = ?",
                                                   stage, deleted, run_id));
  if (changed == 0) return no_run(run_id);
  return {};
}

Result<void> Store::delete_run(std::string_view id) { return set_stage(id, LifecycleStage::kDeleted); }
Result<void> Store::restore_run(std::string_view id) { return set_stage(id, LifecycleStage::kActive); }

}  // namespace millrace::tracking
