#include "tracking/intake.h"

#include <boost/describe.hpp>
#include <cmath>
#include <utility>

#include "db/db.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "tracking/inputs.h"
#include "tracking/load.h"
#include "tracking/points.h"
#include "tracking/run_name.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

// Ids beyond are those of MLflow's file store, and would make all numbers that are drawn later as long.
constexpr std::int64_t kMostKeptId = 1'000'000'000;

struct CountRow {
  std::string key;
  std::int64_t points = 0;
};
BOOST_DESCRIBE_STRUCT(CountRow, (), (key, points))

struct KnownRun {
  std::int64_t number = 0;
  RunStatus status = RunStatus::kRunning;
};
BOOST_DESCRIBE_STRUCT(KnownRun, (), (number, status))

Result<void> check_run(const Run& run) {
  TRY(check_run_id(run.id));
  for (const Param& param : run.params) TRY(check_param_key(param.key));
  for (const Tag& tag : run.tags) TRY(check_tag_key(tag.key));
  for (const DatasetInput& input : run.inputs) TRY(check_dataset_input(input));
  return {};
}

// Its id where that may be kept, else none.
Result<std::optional<std::int64_t>> free_id(db::Transaction& tx, std::string_view id) {
  const auto number = experiment_number(id);
  if (!number || *number < 0 || *number >= kMostKeptId) return std::nullopt;
  if (!TRY(tx.query<std::int64_t>("select id from experiments where id = ?", *number)).empty()) return std::nullopt;
  return *number;
}

Result<void> put_param(db::Transaction& tx, std::string_view run_id, std::int64_t run, const Param& param) {
  const auto added = TRY(tx.execute("insert into params (run, key, value) values (?, ?, ?) on conflict do nothing", run,
                                    param.key, param.value));
  if (added > 0) return {};
  const auto known = TRY(tx.query<std::string>("select value from params where run = ? and key = ?", run, param.key));
  if (known.front() == param.value) return {};
  return failed_precondition("run {} has the param {}={} here, and not {}", run_id, param.key, known.front(),
                             param.value);
}

Result<void> put_model_parts(db::Transaction& tx, std::int64_t number, const LoggedModel& model) {
  for (const Param& param : model.params) {
    TRY(tx.execute(R"sql(
insert into logged_model_params (model, key, value)
values (?, ?, ?)
on conflict (model, key) do update set value = excluded.value
)sql",
                   number, param.key, param.value));
  }
  for (const Tag& tag : model.tags) {
    TRY(tx.execute(R"sql(
insert into logged_model_tags (model, key, value)
values (?, ?, ?)
on conflict (model, key) do update set value = excluded.value
)sql",
                   number, tag.key, tag.value));
  }
  for (const ModelMetric& metric : model.metrics) {
    Metric named = metric.metric;
    named.model_id = model.id;
    TRY(log_model_metric(tx, metric.run_id, named));
  }
  return {};
}

}  // namespace

Result<std::string> Intake::add_experiment(const Experiment& experiment) {
  TRY(check_experiment_name(experiment.name));
  if (!experiment.artifact_location.empty()) TRY(check_artifact_location(experiment.artifact_location));
  std::int64_t number = 0;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    if (!TRY(tx.query<std::int64_t>("select id from experiments where name = ?", experiment.name)).empty()) {
      return already_exists("there is an experiment \"{}\" already", experiment.name);
    }
    const auto id = TRY(free_id(tx, experiment.id));
    constexpr std::string_view kWithId = R"sql(
insert into experiments (id, name, artifact_location, creation_time, last_update_time)
values (?, ?, nullif(?, ''), ?, ?)
returning id
)sql";
    constexpr std::string_view kWithout = R"sql(
insert into experiments (name, artifact_location, creation_time, last_update_time)
values (?, nullif(?, ''), ?, ?)
returning id
)sql";
    number = id ? TRY(tx.insert(kWithId, *id, experiment.name, experiment.artifact_location, experiment.creation_time,
                                experiment.last_update_time))
                : TRY(tx.insert(kWithout, experiment.name, experiment.artifact_location, experiment.creation_time,
                                experiment.last_update_time));
    return id ? tx.settle_numbers() : Result<void>();
  }));
  TRY(put_experiment_tags(std::to_string(number), experiment.tags));
  return std::to_string(number);
}

Result<void> Intake::put_experiment_tags(std::string_view id, const std::vector<Tag>& tags) {
  const std::int64_t number = TRY(experiment_number(id));
  for (const Tag& tag : tags) TRY(check_experiment_tag(tag));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    for (const Tag& tag : tags) {
      TRY(tx.execute(R"sql(
insert into experiment_tags (experiment_id, key, value)
values (?, ?, ?)
on conflict (experiment_id, key) do update set value = excluded.value
)sql",
                     number, tag.key, tag.value));
    }
    return {};
  });
}

Result<void> Intake::put_experiment_stage(std::string_view id, LifecycleStage stage) {
  const std::int64_t number = TRY(experiment_number(id));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    TRY(tx.execute("update experiments set lifecycle_stage = ? where id = ?", stage, number));
    return {};
  });
}

Result<std::string> Intake::artifacts_below(db::Transaction& tx, std::int64_t experiment, std::string_view path) const {
  const auto known =
      TRY(tx.query<std::string>("select coalesce(artifact_location, '') from experiments where id = ?", experiment));
  if (known.empty()) return not_found("No Experiment with id={} exists", experiment);
  return artifact_uri_below(known.front().empty() ? default_artifact_location(experiment) : known.front(), path);
}

Result<std::string> Intake::put_run(const Run& run) {
  if (auto good = check_run(run); !good)
    return std::unexpected(std::move(good.error()).in(fmt::format("run {}", run.id)));
  const std::int64_t experiment = TRY(experiment_number(run.experiment_id));
  std::string artifacts;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto known = TRY(tx.query<KnownRun>("select number, status from runs where id = ?", run.id));
    const std::int64_t number = TRY(put_row(tx, run, experiment));
    TRY(put_parts(tx, run, number));
    artifacts = TRY(tx.query<std::string>("select artifact_uri from runs where number = ?", number)).front();
    const bool had_ended = !known.empty() && is_final(known.front().status);
    if (parts_.events == nullptr || had_ended || !is_final(run.status)) return {};
    return publish_run_finished(tx, *parts_.events, parts_.clock, number);
  }));
  return artifacts;
}

Result<std::int64_t> Intake::put_row(db::Transaction& tx, const Run& run, std::int64_t experiment) {
  const std::string artifacts = run.artifact_uri.empty()
                                    ? TRY(artifacts_below(tx, experiment, fmt::format("{}/artifacts", run.id)))
                                    : run.artifact_uri;
  const std::string name = run.name.empty() ? run_name_of(run.id) : run.name;
  const std::int64_t number = TRY(tx.insert(R"sql(
insert into runs (id, experiment_id, name, status, start_time, end_time, lifecycle_stage, deleted_time, artifact_uri,
                  user_id)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update
set name = excluded.name,
    status = excluded.status,
    start_time = excluded.start_time,
    end_time = excluded.end_time,
    lifecycle_stage = case when runs.lifecycle_stage = 'deleted' then 'deleted' else excluded.lifecycle_stage end,
    deleted_time = coalesce(runs.deleted_time, excluded.deleted_time),
    user_id = excluded.user_id
returning number
)sql",
                                            run.id, experiment, name, run.status, run.start_time, run.end_time,
                                            run.lifecycle_stage, run.deleted_time, artifacts, run.user_id));
  TRY(parts_.lineage.add_execution(
      tx, {.id = fmt::format("run:{}", run.id), .kind = "run", .name = name, .event_time = run.start_time}));
  return number;
}

Result<void> Intake::put_parts(db::Transaction& tx, const Run& run, std::int64_t number) {
  for (const Param& param : run.params) TRY(put_param(tx, run.id, number, param));
  for (const Tag& tag : run.tags) TRY(set_run_tag(tx, number, tag.key, tag.value));
  const auto experiment = TRY(tx.query<std::int64_t>("select experiment_id from runs where number = ?", number));
  return add_inputs(tx, {number, experiment.front()}, run);
}

Result<std::map<std::string, std::int64_t>> Intake::put_points(std::string_view run_id,
                                                               const std::vector<Metric>& points) {
  for (const Metric& point : points) TRY(check_metric(point, "name"));
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto numbers = TRY(tx.query<std::int64_t>("select number from runs where id = ?", run_id));
    if (numbers.empty()) return no_run(run_id);
    PointsByKey by_key;
    for (const Metric& point : points) by_key[point.key].push_back({point.timestamp, point.step, point.value});
    return add_points(tx, numbers.front(), by_key);
  }));
  return count_points(run_id);
}

Result<std::map<std::string, std::int64_t>> Intake::count_points(std::string_view run_id) const {
  std::map<std::string, std::int64_t> counts;
  for (CountRow& row : TRY(parts_.database.query<CountRow>(R"sql(
select metrics.key, count(*)
from runs
join metrics on metrics.run = runs.number
where runs.id = ?
group by metrics.key
)sql",
                                                           run_id))) {
    counts.emplace(std::move(row.key), row.points);
  }
  return counts;
}

Result<std::string> Intake::put_logged_model(const LoggedModel& model) {
  TRY(check_run_id(model.id));
  TRY(check_logged_model_name(model.name));
  const std::int64_t experiment = TRY(experiment_number(model.experiment_id));
  std::string artifacts = model.artifact_uri;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    if (artifacts.empty())
      artifacts = TRY(artifacts_below(tx, experiment, fmt::format("models/{}/artifacts", model.id)));
    const std::int64_t number = TRY(tx.insert(R"sql(
insert into logged_models (id, experiment_id, name, creation_time, last_update_time, artifact_uri, status,
                           status_message, model_type, source_run_id, lifecycle_stage)
values (?, ?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), nullif(?, ''), ?)
on conflict (id) do update
set last_update_time = excluded.last_update_time,
    status = excluded.status,
    status_message = excluded.status_message,
    lifecycle_stage =
      case when logged_models.lifecycle_stage = 'deleted' then 'deleted' else excluded.lifecycle_stage end
returning number
)sql",
                                              model.id, experiment, model.name, model.creation_time,
                                              model.last_update_time, artifacts, model.status, model.status_message,
                                              model.model_type, model.source_run_id, model.lifecycle_stage));
    TRY(put_model_parts(tx, number, model));
    artifacts = TRY(tx.query<std::string>("select artifact_uri from logged_models where number = ?", number)).front();
    return {};
  }));
  return artifacts;
}

}  // namespace millrace::tracking
