#include <boost/describe.hpp>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/rows.h"
#include "tracking/schema.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

struct ExperimentRow {
  std::int64_t id = 0;
  std::string name;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  Timestamp creation_time;
  Timestamp last_update_time;
};
BOOST_DESCRIBE_STRUCT(ExperimentRow, (), (id, name, lifecycle_stage, creation_time, last_update_time))

Result<Experiment> complete(db::Database& database, const ExperimentRow& row) {
  auto tags = TRY(database.query<TagRow>(
      "select experiment_id, key, value from experiment_tags where experiment_id = ? order by key", row.id));
  Experiment experiment{.id = std::to_string(row.id),
                        .name = row.name,
                        .lifecycle_stage = row.lifecycle_stage,
                        .creation_time = row.creation_time,
                        .last_update_time = row.last_update_time};
  for (TagRow& tag : tags) experiment.tags.push_back({std::move(tag.key), std::move(tag.value)});
  return experiment;
}

Result<void> insert_tag(db::Transaction& tx, std::int64_t experiment, const Tag& tag) {
  TRY(check_key("tag", tag.key));
  TRY(tx.execute(R"sql(
insert into experiment_tags (experiment_id, key, value)
values (?, ?, ?)
on conflict (experiment_id, key) do update set value = excluded.value
)sql",
                 experiment, tag.key, tag.value));
  return {};
}

std::unexpected<Error> no_experiment(std::string_view id) { return not_found("experiment {} does not exist", id); }

}  // namespace

Result<std::unique_ptr<Store>> Store::open(Parts parts) {
  TRY(db::migrate(parts.database, "tracking", kMigrations));
  const Timestamp now = parts.clock.now();
  TRY(parts.database.execute(
      "insert into experiments (id, name, creation_time, last_update_time) values (0, 'Default', ?, ?) "
      "on conflict do nothing",
      now, now));
  return std::unique_ptr<Store>(new Store(parts));
}

Result<std::int64_t> Store::insert_experiment(db::Transaction& tx, std::string_view name,
                                              const std::vector<Tag>& tags) {
  TRY(check_experiment_name(name));
  const Timestamp now = parts_.clock.now();
  const std::int64_t id = TRY(tx.insert(
      "insert into experiments (name, creation_time, last_update_time) values (?, ?, ?) returning id", name, now, now));
  for (const Tag& tag : tags) TRY(insert_tag(tx, id, tag));
  return id;
}

Result<Experiment> Store::create_experiment(std::string_view name, const std::vector<Tag>& tags) {
  db::Transaction tx = TRY(parts_.database.begin());
  const auto id = insert_experiment(tx, name, tags);
  if (!id && id.error().code == Code::kAlreadyExists) return already_exists("experiment \"{}\" already exists", name);
  TRY(id);
  TRY(tx.commit());
  return find_experiment(std::to_string(*id));
}

Result<Experiment> Store::find_experiment(std::string_view id) const {
  const auto rows = TRY(parts_.database.query<ExperimentRow>(
      "select id, name, lifecycle_stage, creation_time, last_update_time from experiments where id = ?",
      experiment_number(id)));
  if (rows.empty()) return no_experiment(id);
  return complete(parts_.database, rows.front());
}

Result<Experiment> Store::find_experiment_by_name(std::string_view name) const {
  const auto rows = TRY(parts_.database.query<ExperimentRow>(
      "select id, name, lifecycle_stage, creation_time, last_update_time from experiments where name = ?", name));
  if (rows.empty()) return not_found("experiment \"{}\" does not exist", name);
  return complete(parts_.database, rows.front());
}

Result<Page<Experiment>> Store::list_experiments(const PageRequest& page, View view) const {
  const std::int64_t before = page.after.empty() ? kMaxNumber : TRY(cursor_integer(page.after));
  const auto rows = TRY(parts_.database.query<ExperimentRow>(R"sql(
select id, name, lifecycle_stage, creation_time, last_update_time
from experiments
where id < ?1 and (?2 = '' or lifecycle_stage = ?2)
order by id desc
limit ?3
)sql",
                                                             before, stage_of(view), page.rows() + 1));
  std::vector<Experiment> experiments;
  for (const ExperimentRow& row : rows) experiments.push_back(TRY(complete(parts_.database, row)));
  return make_page(std::move(experiments), page, [](const Experiment& last) { return last.id; });
}

Result<void> Store::rename_experiment(std::string_view id, std::string_view name) {
  TRY(check_experiment_name(name));
  const auto changed = parts_.database.execute("update experiments set name = ?, last_update_time = ? where id = ?",
                                               name, parts_.clock.now(), experiment_number(id));
  if (!changed && changed.error().code == Code::kAlreadyExists) {
    return already_exists("experiment \"{}\" already exists", name);
  }
  if (TRY(changed) == 0) return no_experiment(id);
  return {};
}

Result<void> Store::set_experiment_tag(std::string_view id, const Tag& tag) {
  db::Transaction tx = TRY(parts_.database.begin());
  const std::int64_t number = experiment_number(id);
  const auto changed =
      TRY(tx.execute("update experiments set last_update_time = ? where id = ?", parts_.clock.now(), number));
  if (changed == 0) return no_experiment(id);
  TRY(insert_tag(tx, number, tag));
  return tx.commit();
}

Result<void> Store::set_experiment_stage(std::string_view id, LifecycleStage from, LifecycleStage to) {
  db::Transaction tx = TRY(parts_.database.begin());
  const Timestamp now = parts_.clock.now();
  const std::int64_t number = experiment_number(id);
  const auto changed = TRY(tx.execute(
      "update experiments set lifecycle_stage = ?, last_update_time = ? where id = ? and lifecycle_stage = ?", to, now,
      number, from));
  if (changed == 0) return not_found("no experiment {} is {}", id, to_text(from));
  TRY(tx.execute(
      "update runs set lifecycle_stage = ?, deleted_time = ? where experiment_id = ? and lifecycle_stage = ?", to,
      to == LifecycleStage::kDeleted ? std::optional(now) : std::nullopt, number, from));
  return tx.commit();
}

Result<void> Store::delete_experiment(std::string_view id) {
  return set_experiment_stage(id, LifecycleStage::kActive, LifecycleStage::kDeleted);
}

Result<void> Store::restore_experiment(std::string_view id) {
  return set_experiment_stage(id, LifecycleStage::kDeleted, LifecycleStage::kActive);
}

}  // namespace millrace::tracking
