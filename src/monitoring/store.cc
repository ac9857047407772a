#include "monitoring/store.h"

#include <array>
#include <boost/describe.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "db/db.h"

namespace millrace::monitoring::store {
namespace {

constexpr std::array kMigrations{db::Migration{1, R"(
create table monitors (
  name text primary key,
  document text not null
) strict, without rowid;

create table monitor_windows (
  monitor text not null,
  window_start integer not null,
  window_end integer not null,
  predictions integer not null,
  labelled integer not null,
  version text not null,
  drifted integer not null,
  result text not null,
  primary key (monitor, window_start)
) strict, without rowid;

create table monitor_alerts (
  id integer primary key,
  monitor text not null,
  alert text not null,
  window_start integer not null,
  window_end integer not null,
  event_time integer not null,
  metric text not null,
  value real not null,
  threshold real not null,
  message text not null,
  unique (monitor, window_start, alert)
) strict;
)"}};

struct AlertRow {
  std::int64_t id;
  std::string monitor;
  std::string alert;
  Timestamp window_start;
  Timestamp window_end;
  Timestamp event_time;
  std::string metric;
  double value;
  double threshold;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(AlertRow, (),
                      (id, monitor, alert, window_start, window_end, event_time, metric, value, threshold, message))

Alert to_alert(AlertRow&& row) {
  return {row.id,
          std::move(row.monitor),
          std::move(row.alert),
          {row.window_start, row.window_end},
          row.event_time,
          std::move(row.metric),
          row.value,
          row.threshold,
          std::move(row.message)};
}

Result<WindowResult> parse_window(const std::string& text) { return window_result_from_json(TRY(parse_json(text))); }

Result<MonitorSpec> parse_spec(const std::string& text) {
  Diagnostics diagnostics;
  const auto nodes = parse_yaml(text, "a stored monitor", diagnostics);
  auto spec = nodes.empty() ? std::nullopt : parse_monitor(nodes.front(), diagnostics);
  if (spec) return *std::move(spec);
  return data_loss("a stored monitor cannot be read{}",
                   diagnostics.empty() ? "" : ": " + format_diagnostic(diagnostics.list.front()));
}

}  // namespace

Result<void> migrate(db::Database& database) { return db::migrate(database, "monitoring", kMigrations); }

Result<void> replace_specs(db::Database& database, const std::vector<MonitorSpec>& specs) {
  auto tx = TRY(database.begin());
  TRY(tx.execute("delete from monitors"));
  for (const MonitorSpec& spec : specs) {
    TRY(tx.execute("insert into monitors (name, document) values (?, ?)", spec.name, dump_json(to_document(spec))));
  }
  return tx.commit();
}

Result<std::vector<MonitorSpec>> load_specs(db::Database& database) {
  std::vector<MonitorSpec> specs;
  for (const auto& text : TRY(database.query<std::string>("select document from monitors order by name"))) {
    specs.push_back(TRY(parse_spec(text)));
  }
  return specs;
}

Result<bool> insert_window(db::Transaction& tx, const WindowResult& result) {
  const auto changed = TRY(tx.execute(
      R"(insert into monitor_windows
           (monitor, window_start, window_end, predictions, labelled, version, drifted, result)
         values (?, ?, ?, ?, ?, ?, ?, ?)
         on conflict do nothing)",
      result.monitor, result.window.start, result.window.end, result.predictions, result.labelled, result.version,
      result.drift.drifted, dump_json(to_json(result))));
  return changed == 1;
}

Result<std::int64_t> insert_alert(db::Transaction& tx, const Alert& alert) {
  return tx.insert(
      R"(insert into monitor_alerts
           (monitor, alert, window_start, window_end, event_time, metric, value, threshold, message)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)
         returning id)",
      alert.monitor, alert.alert, alert.window.start, alert.window.end, alert.event_time, alert.metric, alert.value,
      alert.threshold, alert.message);
}

Result<std::optional<WindowResult>> find_window(db::Database& database, const std::string& monitor, Timestamp start) {
  const auto rows = TRY(database.query<std::string>(
      "select result from monitor_windows where monitor = ? and window_start = ?", monitor, start));
  if (rows.empty()) return std::nullopt;
  return TRY(parse_window(rows.front()));
}

Result<std::optional<Timestamp>> computed_until(db::Database& database, const std::string& monitor) {
  const auto rows = TRY(database.query<Timestamp>(
      "select window_end from monitor_windows where monitor = ? order by window_start desc limit 1", monitor));
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

Result<std::vector<WindowResult>> list_windows(db::Database& database, const std::string& monitor,
                                               std::optional<Timestamp> before, int limit) {
  const auto rows = TRY(database.query<std::string>(
      R"(select result from monitor_windows
         where monitor = ? and window_start < ?
         order by window_start desc
         limit ?)",
      monitor, before.value_or(Timestamp{std::numeric_limits<std::int64_t>::max()}), limit));
  std::vector<WindowResult> windows;
  for (const auto& text : rows) windows.push_back(TRY(parse_window(text)));
  return windows;
}

Result<std::vector<Alert>> list_alerts(db::Database& database, const AlertFilter& filter, std::int64_t before,
                                       int limit) {
  auto rows = TRY(database.query<AlertRow>(
      R"(select id, monitor, alert, window_start, window_end, event_time, metric, value, threshold, message
         from monitor_alerts
         where (?1 = '' or monitor = ?1) and (?2 = '' or alert = ?2) and (?3 = 0 or id < ?3)
         order by id desc
         limit ?4)",
      filter.monitor, filter.alert, before, limit));
  std::vector<Alert> alerts;
  for (auto& row : rows) alerts.push_back(to_alert(std::move(row)));
  return alerts;
}

Result<MonitorCounts> count(db::Database& database, const std::string& monitor) {
  const auto windows =
      TRY(database.query<std::int64_t>("select count(*) from monitor_windows where monitor = ?", monitor));
  const auto alerts =
      TRY(database.query<std::int64_t>("select count(*) from monitor_alerts where monitor = ?", monitor));
  return MonitorCounts{windows.front(), alerts.front()};
}

}  // namespace millrace::monitoring::store
