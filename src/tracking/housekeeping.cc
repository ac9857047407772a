#include "tracking/housekeeping.h"

#include <array>
#include <boost/describe.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "db/db.h"
#include "events/events.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

struct CopiedTable {
  std::string_view name;
  std::string_view columns;  // but for the run
};

// What belongs to a run, in an order in which it can be removed.
constexpr std::array<CopiedTable, 7> kRunTables = {{
    {"params", "key, value"},
    {"run_tags", "key, value"},
    {"metrics", "key, step, timestamp, value, is_nan"},
    {"latest_metrics", "key, timestamp, step, value, is_nan, points, first_step, stride, ascending"},
    {"run_input_tags", "dataset, key, value"},
    {"run_inputs", "dataset"},
    {"run_models", "direction, model_id, step"},
}};

constexpr std::array<std::string_view, 3> kModelTables = {"logged_model_params", "logged_model_tags",
                                                          "logged_model_metrics"};

// The numbers of logged models: of those that only this run logged, and of an experiment's.
constexpr std::string_view kModelsOfRun = R"sql(
select number
from logged_models
where source_run_id = (select id from runs where number = ?1)
  and not exists (select 1 from run_models where run_models.model_id = logged_models.id and run_models.run <> ?1)
)sql";
constexpr std::string_view kModelsOfExperiment = "select number from logged_models where experiment_id = ?1";

struct RunPlace {
  std::string id;
  std::string artifact_uri;
};
BOOST_DESCRIBE_STRUCT(RunPlace, (), (id, artifact_uri))

struct RunName {
  std::string id;
  std::string name;
  std::string experiment;
};
BOOST_DESCRIBE_STRUCT(RunName, (), (id, name, experiment))

// Where the artifacts of logged models are.
Result<std::vector<std::string>> models_of(db::Database& database, std::string_view numbers, std::int64_t owner) {
  return database.query<std::string>(
      fmt::format("select artifact_uri from logged_models where number in ({})", numbers), owner);
}

Result<void> erase_models(db::Transaction& tx, std::string_view numbers, std::int64_t owner) {
  for (const std::string_view table : kModelTables) {
    TRY(tx.execute(fmt::format("delete from {} where model in ({})", table, numbers), owner));
  }
  TRY(tx.execute(fmt::format("delete from logged_models where number in ({})", numbers), owner));
  return {};
}

std::string first_needed(const Needs& needs, const std::vector<std::string>& uris) {
  for (const std::string& uri : uris) {
    if (const auto who = needs.below(uri); !who.empty()) return std::string(who);
  }
  return {};
}

Result<void> publish_run(db::Transaction& tx, events::Log& events, std::string type, std::int64_t number,
                         std::string_view reason, const Clock& clock) {
  for (RunName& run : TRY(tx.query<RunName>(R"sql(
select runs.id, runs.name, experiments.name
from runs
join experiments on experiments.id = runs.experiment_id
where runs.number = ?
)sql",
                                            number))) {
    TRY(events.publish(tx, type, std::move(run.id), clock.now(),
                       {{"experiment", run.experiment}, {"name", run.name}, {"reason", reason}}));
  }
  return {};
}

Result<std::int64_t> active_experiment(db::Transaction& tx, std::string_view id) {
  const std::int64_t number = TRY(experiment_number(id));
  const auto stages = TRY(tx.query<LifecycleStage>("select lifecycle_stage from experiments where id = ?", number));
  if (stages.empty()) return not_found("No Experiment with id={} exists", number);
  if (stages.front() == LifecycleStage::kActive) return number;
  return failed_precondition("The experiment {} must be in the 'active' state. Current state is deleted.", number);
}

// Datasets belong to an experiment: the run's are told again in its own, and its inputs point there.
Result<void> rehome_inputs(db::Transaction& tx, std::int64_t run, std::int64_t experiment) {
  TRY(tx.execute(R"sql(
insert into logged_datasets (experiment_id, name, digest, source_type, source, schema, profile)
select cast(? as bigint), name, digest, source_type, source, schema, profile
from logged_datasets
where id in (select dataset from run_inputs where run = ?)
on conflict (experiment_id, name, digest) do nothing
)sql",
                 experiment, run));
  for (const std::string_view table : {"run_inputs", "run_input_tags"}) {
    TRY(tx.execute(fmt::format(R"sql(
update {0}
set dataset = (
  select there.id
  from logged_datasets here
  join logged_datasets there on there.name = here.name and there.digest = here.digest
  where here.id = {0}.dataset and there.experiment_id = ?
)
where run = ?
)sql",
                               table),
                   experiment, run));
  }
  return {};
}

}  // namespace

Result<void> Housekeeping::move_run(std::string_view run_id, std::string_view experiment_id) {
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t experiment = TRY(active_experiment(tx, experiment_id));
    const ActiveRun run = TRY(active_run(tx, run_id));
    if (run.experiment_id == experiment) return {};
    TRY(tx.execute("update runs set experiment_id = ? where number = ?", experiment, run.number));
    return rehome_inputs(tx, run.number, experiment);
  });
}

Result<std::string> Housekeeping::copy_run(std::string_view run_id, std::string_view experiment_id) {
  std::string id = parts_.ids.next();
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t experiment = TRY(active_experiment(tx, experiment_id));
    const ActiveRun run = TRY(active_run(tx, run_id));
    const std::int64_t copy = TRY(tx.insert(R"sql(
insert into runs (id, experiment_id, name, status, start_time, end_time, artifact_uri, user_id)
select cast(? as text), cast(? as bigint), name, status, start_time, end_time, artifact_uri, user_id
from runs
where number = ?
returning number
)sql",
                                            id, experiment, run.number));
    // Inputs come before their tags, which point to them.
    for (auto table = kRunTables.rbegin(); table != kRunTables.rend(); ++table) {
      TRY(tx.execute(fmt::format("insert into {0} (run, {1}) select cast(? as bigint), {1} from {0} where run = ?",
                                 table->name, table->columns),
                     copy, run.number));
    }
    TRY(set_run_tag(tx, copy, "millrace.copied_from", run_id));
    return run.experiment_id == experiment ? Result<void>() : rehome_inputs(tx, copy, experiment);
  }));
  return id;
}

Result<Erased> Housekeeping::erase(Duration deleted_for_longer_than) {
  const Timestamp before = parts_.clock.now() - deleted_for_longer_than;
  const std::string reason = fmt::format("deleted for longer than {}", format_duration(deleted_for_longer_than));
  const Needs needed = TRY(needs());
  Erased erased;
  for (const std::int64_t run : TRY(parts_.database.query<std::int64_t>(
           "select number from runs where lifecycle_stage = 'deleted' and deleted_time < ? order by number", before))) {
    const bool stays = !TRY(run_needed_by(run, needed)).empty();
    if (!stays) TRY(erase_run(run, reason));
    ++(stays ? erased.needed : erased.runs);
  }
  for (const std::int64_t experiment : TRY(parts_.database.query<std::int64_t>(R"sql(
select id
from experiments
where lifecycle_stage = 'deleted' and last_update_time < ? and id <> 0
  and not exists (select 1 from runs where runs.experiment_id = experiments.id)
order by id
)sql",
                                                                               before))) {
    const bool stays = !TRY(experiment_needed_by(experiment, needed)).empty();
    if (!stays) TRY(erase_experiment(experiment, reason));
    ++(stays ? erased.needed : erased.experiments);
  }
  return erased;
}

Result<Needs> Housekeeping::needs() const {
  return Needs(parts_.find_needs ? TRY(parts_.find_needs()) : std::vector<Need>{});
}

Result<std::string> Housekeeping::run_needed_by(std::int64_t number, const Needs& needs) const {
  for (const RunPlace& run :
       TRY(parts_.database.query<RunPlace>("select id, artifact_uri from runs where number = ?", number))) {
    if (const auto who = needs.of_run(run.id); !who.empty()) return std::string(who);
    if (const auto who = needs.below(run.artifact_uri); !who.empty()) return std::string(who);
  }
  return first_needed(needs, TRY(models_of(parts_.database, kModelsOfRun, number)));
}

Result<std::string> Housekeeping::experiment_needed_by(std::int64_t number, const Needs& needs) const {
  return first_needed(needs, TRY(models_of(parts_.database, kModelsOfExperiment, number)));
}

Result<void> Housekeeping::delete_run(std::int64_t number, std::string_view reason) {
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto changed = TRY(tx.execute(
        "update runs set lifecycle_stage = 'deleted', deleted_time = ? where number = ? and lifecycle_stage = 'active'",
        parts_.clock.now(), number));
    return changed == 0 ? Result<void>() : publish_run(tx, parts_.events, "run.deleted", number, reason, parts_.clock);
  });
}

Result<void> Housekeeping::erase_run(std::int64_t number, std::string_view reason) {
  for (const std::string& uri : TRY(parts_.database.query<std::string>(R"sql(
select artifact_uri
from runs
where number = ?
  and not exists (select 1 from runs other where other.artifact_uri = runs.artifact_uri and other.number <> runs.number)
)sql",
                                                                       number))) {
    TRY(parts_.remove(uri));
  }
  for (const std::string& uri : TRY(models_of(parts_.database, kModelsOfRun, number))) TRY(parts_.remove(uri));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    TRY(publish_run(tx, parts_.events, "run.erased", number, reason, parts_.clock));
    TRY(erase_models(tx, kModelsOfRun, number));
    for (const CopiedTable& table : kRunTables) {
      TRY(tx.execute(fmt::format("delete from {} where run = ?", table.name), number));
    }
    TRY(tx.execute("delete from runs where number = ?", number));
    return {};
  });
}

Result<void> Housekeeping::erase_experiment(std::int64_t number, std::string_view reason) {
  for (const std::string& uri : TRY(models_of(parts_.database, kModelsOfExperiment, number))) TRY(parts_.remove(uri));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto names = TRY(tx.query<std::string>("select name from experiments where id = ?", number));
    if (names.empty()) return {};
    TRY(erase_models(tx, kModelsOfExperiment, number));
    for (const std::string_view table : {"logged_datasets", "experiment_tags"}) {
      TRY(tx.execute(fmt::format("delete from {} where experiment_id = ?", table), number));
    }
    TRY(tx.execute("delete from experiments where id = ?", number));
    TRY(parts_.events.publish(tx, "experiment.erased", fmt::format("{}", number), parts_.clock.now(),
                              {{"name", names.front()}, {"reason", reason}}));
    return {};
  });
}

}  // namespace millrace::tracking
