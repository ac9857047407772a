#include <boost/describe.hpp>
#include <unordered_map>
#include <utility>

#include "db/db.h"
#include "tracking/folders.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/schema.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

struct ExperimentRow {
  std::int64_t id = 0;
  std::string name;
  std::optional<std::string> artifact_location;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  Timestamp creation_time;
  Timestamp last_update_time;
};
BOOST_DESCRIBE_STRUCT(ExperimentRow, (),
                      (id, name, artifact_location, lifecycle_stage, creation_time, last_update_time))

constexpr std::string_view kSelectExperiments = R"sql(
select id, name, artifact_location, lifecycle_stage, creation_time, last_update_time
from experiments
)sql";

Experiment to_experiment(ExperimentRow row) {
  return Experiment{.id = std::to_string(row.id),
                    .name = std::move(row.name),
                    .artifact_location = row.artifact_location.value_or(default_artifact_location(row.id)),
                    .lifecycle_stage = row.lifecycle_stage,
                    .creation_time = row.creation_time,
                    .last_update_time = row.last_update_time};
}

// The experiments of the rows, in their order, with their tags.
Result<std::vector<Experiment>> complete(db::Database& database, std::vector<ExperimentRow> rows) {
  std::vector<Experiment> experiments;
  std::unordered_map<std::int64_t, std::size_t> places;
  std::vector<std::int64_t> numbers;
  for (ExperimentRow& row : rows) {
    places.emplace(row.id, experiments.size());
    numbers.push_back(row.id);
    experiments.push_back(to_experiment(std::move(row)));
  }
  for (TagRow& tag : TRY(database.query<TagRow>(R"sql(
select experiment_id, key, value
from experiment_tags
where experiment_id in (select cast(value as bigint) from json_each(?))
order by experiment_id, key
)sql",
                                                json_list(numbers)))) {
    experiments[places.at(tag.owner)].tags.push_back({std::move(tag.key), std::move(tag.value)});
  }
  return experiments;
}

Result<void> insert_tag(db::Transaction& tx, std::int64_t experiment, const Tag& tag) {
  TRY(check_experiment_tag(tag));
  TRY(tx.execute(R"sql(
insert into experiment_tags (experiment_id, key, value)
values (?, ?, ?)
on conflict (experiment_id, key) do update set value = excluded.value, folder = null
)sql",
                 experiment, tag.key, tag.value));
  return {};
}

std::unexpected<Error> no_experiment(std::int64_t id) { return not_found("No Experiment with id={} exists", id); }

std::unexpected<Error> name_taken(std::string_view name) {
  return already_exists("Experiment(name={}) already exists.", name);
}

// kNotFound, or kFailedPrecondition where it is deleted.
Result<void> check_active(db::Transaction& tx, std::int64_t id) {
  const auto stages = TRY(tx.query<LifecycleStage>("select lifecycle_stage from experiments where id = ?", id));
  if (stages.empty()) return no_experiment(id);
  if (stages.front() == LifecycleStage::kActive) return {};
  return failed_precondition("The experiment {} must be in the 'active' state. Current state is deleted.", id);
}

Result<void> check_free(db::Transaction& tx, std::string_view name) {
  const auto known = TRY(tx.query<std::int64_t>("select id from experiments where name = ?", name));
  return known.empty() ? Result<void>() : name_taken(name);
}

}  // namespace

Result<std::vector<Experiment>> load_experiments(db::Database& database, const std::vector<std::int64_t>& numbers) {
  return complete(database,
                  TRY(database.query<ExperimentRow>(
                      std::string(kSelectExperiments) + " where id in (select cast(value as bigint) from json_each(?))",
                      json_list(numbers))));
}

std::string default_artifact_location(std::int64_t experiment) {
  return fmt::format("mlflow-artifacts:/{}", experiment);
}

Result<std::unique_ptr<Store>> Store::open(Parts parts) {
  TRY(db::migrate(parts.database, "tracking", kMigrations));
  const Timestamp now = parts.clock.now();
  TRY(parts.database.execute(
      "insert into experiments (id, name, creation_time, last_update_time) values (0, 'Default', ?, ?) "
      "on conflict do nothing",
      now, now));
  return std::unique_ptr<Store>(new Store(parts));
}

Result<std::int64_t> Store::insert_experiment(db::Transaction& tx, const NewExperiment& experiment) {
  TRY(check_experiment_name(experiment.name));
  TRY(check_artifact_location(experiment.artifact_location));
  TRY(check_free(tx, experiment.name));
  const Timestamp now = parts_.clock.now();
  const auto id = TRY(tx.insert(R"sql(
insert into experiments (name, artifact_location, creation_time, last_update_time)
values (?, nullif(?, ''), ?, ?)
returning id
)sql",
                                experiment.name, experiment.artifact_location, now, now));
  for (const Tag& tag : experiment.tags) TRY(insert_tag(tx, id, tag));
  TRY(inherit_tags(tx, id));
  return id;
}

Result<Experiment> Store::create_experiment(const NewExperiment& experiment) {
  std::int64_t id = 0;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    id = TRY(insert_experiment(tx, experiment));
    return {};
  }));
  return find_experiment(std::to_string(id));
}

Result<Experiment> Store::find_experiment(std::string_view id) const {
  const std::int64_t number = TRY(experiment_number(id));
  auto rows = TRY(parts_.database.query<ExperimentRow>(std::string(kSelectExperiments) + " where id = ?", number));
  if (rows.empty()) return no_experiment(number);
  return TRY(complete(parts_.database, std::move(rows))).front();
}

Result<Experiment> Store::find_experiment_by_name(std::string_view name) const {
  auto rows = TRY(parts_.database.query<ExperimentRow>(std::string(kSelectExperiments) + " where name = ?", name));
  if (rows.empty()) return not_found("Could not find experiment with name '{}'", name);
  return TRY(complete(parts_.database, std::move(rows))).front();
}

Result<void> Store::rename_experiment(std::string_view id, std::string_view name) {
  TRY(check_experiment_name(name));
  const std::int64_t number = TRY(experiment_number(id));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    TRY(check_active(tx, number));
    const auto same = TRY(tx.query<std::string>("select name from experiments where id = ?", number));
    if (same.front() != name) TRY(check_free(tx, name));
    TRY(tx.execute("update experiments set name = ?, last_update_time = ? where id = ?", name, parts_.clock.now(),
                   number));
    return inherit_tags(tx, number);
  });
}

Result<void> Store::set_experiment_tag(std::string_view id, const Tag& tag) {
  const std::int64_t number = TRY(experiment_number(id));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    TRY(check_active(tx, number));
    TRY(insert_tag(tx, number, tag));
    TRY(tx.execute("update experiments set last_update_time = ? where id = ?", parts_.clock.now(), number));
    return {};
  });
}

Result<void> Store::delete_experiment_tag(std::string_view id, std::string_view key) {
  const std::int64_t number = TRY(experiment_number(id));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    TRY(check_active(tx, number));
    const auto deleted =
        TRY(tx.execute("delete from experiment_tags where experiment_id = ? and key = ?", number, key));
    if (deleted == 0) return not_found("No tag with name: {} in experiment with id {}", key, number);
    TRY(tx.execute("update experiments set last_update_time = ? where id = ?", parts_.clock.now(), number));
    return inherit_tags(tx, number);
  });
}

Result<void> Store::set_experiment_stage(std::string_view id, LifecycleStage from, LifecycleStage to) {
  const std::int64_t number = TRY(experiment_number(id));
  const Timestamp now = parts_.clock.now();
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto changed = TRY(tx.execute(
        "update experiments set lifecycle_stage = ?, last_update_time = ? where id = ? and lifecycle_stage = ?", to,
        now, number, from));
    if (changed == 0) return no_experiment(number);
    TRY(tx.execute(
        "update runs set lifecycle_stage = ?, deleted_time = ? where experiment_id = ? and lifecycle_stage = ?", to,
        to == LifecycleStage::kDeleted ? std::optional(now) : std::nullopt, number, from));
    return {};
  });
}

Result<void> Store::delete_experiment(std::string_view id) {
  return set_experiment_stage(id, LifecycleStage::kActive, LifecycleStage::kDeleted);
}

Result<void> Store::restore_experiment(std::string_view id) {
  return set_experiment_stage(id, LifecycleStage::kDeleted, LifecycleStage::kActive);
}

}  // namespace millrace::tracking
