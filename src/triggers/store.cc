#include "triggers/store.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "db/db.h"

namespace millrace::triggers {
namespace {

constexpr std::array<std::pair<FiringStatus, std::string_view>, 4> kStatuses{{{FiringStatus::kPending, "pending"},
                                                                              {FiringStatus::kStarted, "started"},
                                                                              {FiringStatus::kFailed, "failed"},
                                                                              {FiringStatus::kSkipped, "skipped"}}};

}  // namespace

std::string_view to_text(FiringStatus status) { return kStatuses[static_cast<std::size_t>(status)].second; }

bool from_text(std::string_view text, FiringStatus& status) {
  for (const auto& [known, name] : kStatuses) {
    if (name != text) continue;
    status = known;
    return true;
  }
  return false;
}

}  // namespace millrace::triggers

namespace millrace::triggers::store {
namespace {

constexpr std::array kMigrations{db::Migration{1, R"(
create table triggers (
  name text primary key,
  document text not null,
  schedule_until integer
) strict, without rowid;

create table trigger_firings (
  id integer primary key,
  trigger_name text not null,
  key text not null,
  event_time integer not null,
  status text not null,
  reason text not null,
  pipeline text not null,
  params text not null,
  run text not null,
  error text not null,
  unique (trigger_name, key)
) strict;

create index trigger_firings_by_time on trigger_firings (trigger_name, event_time);
create index trigger_firings_by_pipeline on trigger_firings (pipeline, event_time);
create index trigger_firings_pending on trigger_firings (id) where status = 'pending';
)"}};

Result<TriggerSpec> parse_spec(const std::string& text) {
  Diagnostics diagnostics;
  const auto nodes = parse_yaml(text, "a stored trigger", diagnostics);
  auto spec = nodes.empty() ? std::nullopt : parse_trigger(nodes.front(), diagnostics);
  if (spec) return *std::move(spec);
  return data_loss("a stored trigger cannot be read{}",
                   diagnostics.empty() ? "" : ": " + format_diagnostic(diagnostics.list.front()));
}

}  // namespace

Result<void> migrate(db::Database& database) { return db::migrate(database, "triggers", kMigrations); }

Result<void> replace_specs(db::Database& database, const std::vector<TriggerSpec>& specs,
                           const std::map<std::string, std::optional<Timestamp>>& schedules) {
  auto tx = TRY(database.begin());
  TRY(tx.execute("delete from triggers"));
  for (const TriggerSpec& spec : specs) {
    const auto done = schedules.find(spec.name);
    TRY(tx.execute("insert into triggers (name, document, schedule_until) values (?, ?, ?)", spec.name,
                   dump_json(to_document(spec)), done == schedules.end() ? std::nullopt : done->second));
  }
  return tx.commit();
}

Result<std::vector<TriggerSpec>> load_specs(db::Database& database) {
  std::vector<TriggerSpec> specs;
  for (const auto& text : TRY(database.query<std::string>("select document from triggers order by name"))) {
    specs.push_back(TRY(parse_spec(text)));
  }
  return specs;
}

Result<TriggerState> load_state(db::Database& database, const TriggerSpec& trigger) {
  TriggerState state;
  const auto until =
      TRY(database.query<std::optional<Timestamp>>("select schedule_until from triggers where name = ?", trigger.name));
  if (!until.empty()) state.schedule_until = until.front();
  const auto fired = TRY(database.query<std::optional<Timestamp>>(
      R"(select max(event_time) from trigger_firings
         where trigger_name = ? and status in ('pending', 'started'))",
      trigger.name));
  state.last_fired = fired.front();
  const auto started = TRY(database.query<std::optional<Timestamp>>(
      R"(select max(event_time) from trigger_firings
         where pipeline = ? and status in ('pending', 'started'))",
      trigger.pipeline));
  state.pipeline_started = started.front();
  return state;
}

Result<void> set_schedule_until(db::Database& database, const std::string& trigger, Timestamp until) {
  TRY(database.execute("update triggers set schedule_until = ? where name = ?", until, trigger));
  return {};
}

Result<std::optional<Firing>> find_firing(db::Database& database, const std::string& trigger, const std::string& key) {
  auto rows = TRY(database.query<Firing>(
      R"(select id, trigger_name, key, event_time, status, reason, pipeline, params, run, error from trigger_firings
         where trigger_name = ? and key = ?)",
      trigger, key));
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

Result<std::int64_t> insert_firing(db::Database& database, const Firing& firing) {
  auto tx = TRY(database.begin());
  const std::int64_t id = TRY(tx.insert(
      R"(insert into trigger_firings (trigger_name, key, event_time, status, reason, pipeline, params, run, error)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)
         returning id)",
      firing.trigger, firing.key, firing.event_time, firing.status, firing.reason, firing.pipeline, firing.params,
      firing.run, firing.error));
  TRY(tx.commit());
  return id;
}

Result<void> finish_firing(db::Transaction& tx, const Firing& firing) {
  TRY(tx.execute("update trigger_firings set status = ?, run = ?, error = ? where id = ?", firing.status, firing.run,
                 firing.error, firing.id));
  return {};
}

Result<std::vector<Firing>> list_pending(db::Database& database) {
  return database.query<Firing>(
      R"(select id, trigger_name, key, event_time, status, reason, pipeline, params, run, error from trigger_firings
         where status = 'pending'
         order by id)");
}

Result<std::vector<Firing>> list_firings(db::Database& database, const std::string& trigger, std::int64_t before,
                                         int limit) {
  return database.query<Firing>(
      R"(select id, trigger_name, key, event_time, status, reason, pipeline, params, run, error from trigger_firings
         where (?1 = '' or trigger_name = ?1) and (?2 = 0 or id < ?2)
         order by id desc
         limit ?3)",
      trigger, before, limit);
}

Result<std::int64_t> count_started(db::Database& database, const std::string& trigger) {
  const auto rows = TRY(database.query<std::int64_t>(
      "select count(*) from trigger_firings where trigger_name = ? and status = 'started'", trigger));
  return rows.front();
}

}  // namespace millrace::triggers::store
