#include "delivery/gates.h"

#include <boost/describe.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "db/db.h"
#include "events/events.h"

namespace millrace::delivery {

BOOST_DESCRIBE_STRUCT(GateRecord, (),
                      (id, key, model, version, champion_version, pipeline_run, metric, challenger, champion, margin,
                       rows, passed, reason, evidence, event_time))

namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
  create table gates (
    id integer primary key,
    key text not null unique,
    model text not null,
    version integer not null,
    champion_version integer,
    pipeline_run text not null,
    metric text not null,
    challenger real not null,
    champion real,
    margin real not null,
    rows integer not null,
    passed integer not null,
    reason text not null,
    evidence text not null,
    event_time integer not null
  ) strict;
  create index gates_by_version on gates (model, version);
)sql"}};

constexpr std::string_view kColumns =
    "select id, key, model, version, champion_version, pipeline_run, metric, challenger, champion, margin, rows, "
    "passed, "
    "reason, evidence, event_time from gates";

Json event_data(const GateRecord& gate) {
  return {{"model", gate.model},   {"version", gate.version}, {"pipeline_run", gate.pipeline_run},
          {"metric", gate.metric}, {"passed", gate.passed},   {"reason", gate.reason}};
}

}  // namespace

Result<std::unique_ptr<Gates>> Gates::open(db::Database& database, events::Log& events) {
  TRY(db::migrate(database, "gates", kMigrations));
  return std::unique_ptr<Gates>(new Gates(database, events));
}

Result<GateRecord> Gates::record(const GateRecord& gate) {
  auto tx = TRY(database_.begin());
  auto select_by_key = fmt::format("{} where key = ?", kColumns);
  auto known = TRY(tx.query<GateRecord>(select_by_key, gate.key));
  if (!known.empty()) return known.front();
  TRY(tx.execute(R"sql(
    insert into gates (key, model, version, champion_version, pipeline_run, metric, challenger, champion, margin, rows,
                       passed, reason, evidence, event_time)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))sql",
                 gate.key, gate.model, gate.version, gate.champion_version, gate.pipeline_run, gate.metric,
                 gate.challenger, gate.champion, gate.margin, gate.rows, gate.passed, gate.reason, gate.evidence,
                 gate.event_time));
  TRY(events_.publish(tx, "gate.decided", gate.model, gate.event_time, event_data(gate)));
  auto stored = TRY(tx.query<GateRecord>(select_by_key, gate.key));
  TRY(tx.commit());
  return stored.at(0);
}

Result<std::optional<double>> Gates::metric_of(const std::string& model, std::int64_t version,
                                               const std::string& metric) const {
  auto found = TRY(database_.query<double>(
      "select challenger from gates where model = ? and version = ? and metric = ? order by id desc limit 1", model,
      version, metric));
  if (found.empty()) return std::nullopt;
  return found.front();
}

Result<std::optional<GateRecord>> Gates::newest(const std::string& model, std::int64_t version) const {
  auto found = TRY(database_.query<GateRecord>(
      fmt::format("{} where model = ? and version = ? order by id desc limit 1", kColumns), model, version));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<GateRecord>> Gates::list(std::int64_t before, int limit) const {
  return database_.query<GateRecord>(fmt::format("{} where ? = 0 or id < ? order by id desc limit ?", kColumns), before,
                                     before, limit);
}

}  // namespace millrace::delivery
