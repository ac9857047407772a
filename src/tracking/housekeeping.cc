#include "tracking/housekeeping.h"

#include <array>
#include <boost/describe.hpp>
#include <utility>
#include <vector>

#include "db/db.h"
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
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t experiment = TRY(active_experiment(tx, experiment_id));
    const ActiveRun run = TRY(active_run(tx, run_id));
    if (run.experiment_id == experiment) return {};
    TRY(tx.execute("update runs set experiment_id = ? where number = ?", experiment, run.number));
    return rehome_inputs(tx, run.number, experiment);
  });
}

Result<std::string> Housekeeping::copy_run(std::string_view run_id, std::string_view experiment_id) {
  std::string id = ids_.next();
  TRY(database_.write([&](db::Transaction& tx) -> Result<void> {
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
  const Timestamp before = clock_.now() - deleted_for_longer_than;
  Erased erased;
  for (const std::int64_t run : TRY(database_.query<std::int64_t>(
           "select number from runs where lifecycle_stage = 'deleted' and deleted_time < ? order by number", before))) {
    TRY(erase_run(run));
    ++erased.runs;
  }
  for (const std::int64_t experiment : TRY(database_.query<std::int64_t>(R"sql(
select id
from experiments
where lifecycle_stage = 'deleted' and last_update_time < ? and id <> 0
  and not exists (select 1 from runs where runs.experiment_id = experiments.id)
order by id
)sql",
                                                                         before))) {
    TRY(erase_experiment(experiment));
    ++erased.experiments;
  }
  return erased;
}

Result<void> Housekeeping::erase_run(std::int64_t number) {
  for (const std::string& uri : TRY(database_.query<std::string>(R"sql(
select artifact_uri
from runs
where number = ?
  and not exists (select 1 from runs other where other.artifact_uri = runs.artifact_uri and other.number <> runs.number)
)sql",
                                                                 number))) {
    TRY(remove_(uri));
  }
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    for (const CopiedTable& table : kRunTables) {
      TRY(tx.execute(fmt::format("delete from {} where run = ?", table.name), number));
    }
    TRY(tx.execute("delete from runs where number = ?", number));
    return {};
  });
}

Result<void> Housekeeping::erase_experiment(std::int64_t number) {
  for (const std::string& uri :
       TRY(database_.query<std::string>("select artifact_uri from logged_models where experiment_id = ?", number))) {
    TRY(remove_(uri));
  }
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    for (const std::string_view table : kModelTables) {
      TRY(tx.execute(
          fmt::format("delete from {} where model in (select number from logged_models where experiment_id = ?)",
                      table),
          number));
    }
    for (const std::string_view table : {"logged_models", "logged_datasets", "experiment_tags"}) {
      TRY(tx.execute(fmt::format("delete from {} where experiment_id = ?", table), number));
    }
    TRY(tx.execute("delete from experiments where id = ?", number));
    return {};
  });
}

}  // namespace millrace::tracking
