#include "monitoring/monitoring.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/suggest.h"
#include "datasets/datasets.h"
#include "db/db.h"
#include "duck/duck.h"
#include "events/events.h"
#include "monitoring/alerts.h"
#include "monitoring/analysis.h"
#include "monitoring/reference_cache.h"
#include "monitoring/window_rows.h"

namespace millrace::monitoring {
namespace {

std::string predictions_name(const std::string& endpoint) { return fmt::format("{}.predictions", endpoint); }

// The live prediction and those of the shadows.
std::vector<duck::ColumnType> prediction_columns(const std::vector<duck::ColumnType>& schema) {
  std::vector<duck::ColumnType> columns;
  for (const auto& column : schema) {
    if (column.name == "prediction" || column.name.starts_with("shadow_")) columns.push_back(column);
  }
  return columns;
}

// Which features are compared: the declared ones, else the model's, else all that both sides have.
Result<std::vector<std::string>> choose_features(duck::Connection& connection, const DriftSpec& spec,
                                                 const Reference& reference, const datasets::Version& predictions) {
  if (!spec.columns.empty()) return spec.columns;
  if (!reference.features.empty()) return reference.features;
  std::vector<std::string> shared;
  for (const auto& column : TRY(parquet_columns(connection, reference.training_set))) {
    const bool logged =
        std::ranges::find(predictions.schema, column.name, &duck::ColumnType::name) != predictions.schema.end();
    const bool comparable = !is_reserved_column(column.name) && column.type != duck::Type::kTimestamp;
    if (logged && comparable) shared.push_back(column.name);
  }
  return shared;
}

Json closed_data(const WindowResult& result) {
  Json json{{"window_start", format_time(result.window.start)},
            {"window_end", format_time(result.window.end)},
            {"predictions", result.predictions},
            {"labelled", result.labelled},
            {"version", result.version},
            {"dataset_drift", result.drift.drifted}};
  if (result.live() != nullptr) json["metrics"] = to_json(result)["performance"][0]["metrics"];
  return json;
}

}  // namespace

Monitors::Monitors(Foundation foundation)
    : foundation_(std::move(foundation)),
      labels_(foundation_.datasets),
      references_(std::make_unique<ReferenceCache>()) {}

Monitors::~Monitors() = default;

Result<std::unique_ptr<Monitors>> Monitors::open(Foundation foundation) {
  TRY(store::migrate(foundation.db));
  std::unique_ptr<Monitors> monitors(new Monitors(std::move(foundation)));
  for (auto& spec : TRY(store::load_specs(monitors->foundation_.db))) {
    std::string name = spec.name;
    monitors->specs_.emplace(std::move(name), std::move(spec));
  }
  return monitors;
}

Result<void> Monitors::apply(const std::vector<MonitorSpec>& specs) {
  const std::lock_guard lock(specs_mutex_);
  TRY(store::replace_specs(foundation_.db, specs));
  specs_.clear();
  for (const MonitorSpec& spec : specs) specs_.emplace(spec.name, spec);
  return {};
}

Result<MonitorSpec> Monitors::spec_of(const std::string& name) const {
  const std::lock_guard lock(specs_mutex_);
  const auto found = specs_.find(name);
  if (found != specs_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, spec] : specs_) names.push_back(known);
  return not_found("monitor {} does not exist{}", name, did_you_mean(name, names));
}

// nullopt while the endpoint has not answered. The log is looked at once for each boundary that the clock passes.
Result<std::optional<Timestamp>> Monitors::first_prediction(const MonitorSpec& spec, Timestamp now) {
  const Timestamp boundary = newest_due_end(spec.window, spec.label_wait, now);
  const auto looked = looked_until_.find(spec.name);
  if (looked != looked_until_.end() && looked->second >= boundary) return std::nullopt;
  TRY(foundation_.commit_predictions(spec.endpoint));
  const auto log = TRY(newest_version(foundation_.datasets, predictions_name(spec.endpoint)));
  if (log && log->rows > 0 && log->min_event_time < boundary) return log->min_event_time;
  looked_until_[spec.name] = boundary;
  return std::nullopt;
}

Result<std::vector<Window>> Monitors::due_of(const MonitorSpec& spec, Timestamp now) {
  DueInput input{spec.window, spec.label_wait, {}, TRY(store::computed_until(foundation_.db, spec.name))};
  input.first_prediction = input.computed_until ? input.computed_until : TRY(first_prediction(spec, now));
  return due_windows(input, now);
}

Result<std::vector<DueWindow>> Monitors::due(Timestamp now) {
  std::map<std::string, MonitorSpec> specs;
  {
    const std::lock_guard lock(specs_mutex_);
    specs = specs_;
  }
  const std::lock_guard lock(compute_mutex_);
  std::vector<DueWindow> due;
  for (const auto& [name, spec] : specs) {
    for (const Window& window : TRY(due_of(spec, now))) due.push_back({name, window});
  }
  std::ranges::sort(due, {}, [](const DueWindow& d) { return std::pair(d.window.end, d.monitor); });
  return due;
}

Result<void> Monitors::compare_with_training(duck::Connection& connection, const MonitorSpec& spec,
                                             const datasets::Version& predictions, WindowResult& result) {
  const auto reference = foundation_.find_reference(spec.endpoint, result.version);
  if (!reference && reference.error().code != Code::kNotFound) return std::unexpected(reference.error());
  if (!reference) {
    result.notes.push_back(fmt::format("drift was not computed: {}", reference.error().message));
    return {};
  }
  result.reference_metrics = reference->metrics;
  if (!spec.drift) return {};
  const auto features = TRY(choose_features(connection, *spec.drift, *reference, predictions));
  const auto current = TRY(read_features(connection, predictions, result.window, features));
  const auto* expected = TRY(references_->columns(connection, reference->training_set, features));
  compare(features, *expected, current, *spec.drift, result);
  return {};
}

Result<WindowResult> Monitors::analyse(const MonitorSpec& spec, Window window) {
  WindowResult result{
      .monitor = spec.name, .endpoint = spec.endpoint, .window = window, .computed_at = window.end + spec.label_wait};
  TRY(foundation_.commit_predictions(spec.endpoint));
  TRY(labels_.commit(spec.endpoint));
  const auto predictions = TRY(newest_version(foundation_.datasets, predictions_name(spec.endpoint)));
  if (!predictions) return failed_precondition("endpoint {} has answered no prediction yet", spec.endpoint);
  const auto labels = TRY(newest_version(foundation_.datasets, Labels::dataset_name(spec.endpoint)));
  const WindowQuery query{window, result.computed_at, prediction_columns(predictions->schema)};
  duck::Connection connection = TRY(foundation_.duck.connect());
  summarize(TRY(read_window(connection, *predictions, labels, query)), spec.metrics, result);
  result.partial = predictions->min_event_time > window.start;
  if (result.predictions == 0) return result;
  if (result.live() == nullptr) {
    result.notes.push_back("the metrics were not computed: the endpoint does not answer with one number");
  }
  TRY(compare_with_training(connection, spec, *predictions, result));
  return result;
}

Result<void> Monitors::record(const WindowResult& result, const std::vector<Alert>& alerts) {
  auto tx = TRY(foundation_.db.begin());
  if (!TRY(store::insert_window(tx, result))) return {};
  for (Alert alert : alerts) {
    alert.id = TRY(store::insert_alert(tx, alert));
    TRY(foundation_.events.publish(tx, "alert.raised", fmt::format("{}.{}", alert.monitor, alert.alert),
                                   alert.event_time, to_json(alert)));
  }
  TRY(foundation_.events.publish(tx, "monitor.window_closed", result.monitor, result.computed_at, closed_data(result)));
  return tx.commit();
}

Result<WindowResult> Monitors::compute(const std::string& monitor, Window window) {
  const MonitorSpec spec = TRY(spec_of(monitor));
  const std::lock_guard lock(compute_mutex_);
  if (auto known = TRY(store::find_window(foundation_.db, monitor, window.start))) return *std::move(known);
  WindowResult result = TRY(analyse(spec, window));
  AlertDecisions decisions = evaluate_alerts(spec, result);
  std::ranges::move(decisions.notes, std::back_inserter(result.notes));
  TRY(record(result, decisions.raised));
  return result;
}

Result<std::int64_t> Monitors::advance(Timestamp now) {
  std::int64_t computed = 0;
  for (auto windows = TRY(due(now)); !windows.empty(); windows = TRY(due(now))) {
    for (const DueWindow& window : windows) {
      TRY(compute(window.monitor, window.window));
      ++computed;
    }
  }
  return computed;
}

Result<MonitorInfo> Monitors::find_monitor(const std::string& name) const {
  MonitorInfo info{.spec = TRY(spec_of(name))};
  const auto counts = TRY(store::count(foundation_.db, name));
  info.windows = counts.windows;
  info.alerts = counts.alerts;
  auto newest = TRY(store::list_windows(foundation_.db, name, std::nullopt, 1));
  if (!newest.empty()) info.newest = std::move(newest.front());
  return info;
}

Result<std::vector<MonitorInfo>> Monitors::list_monitors() const {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(specs_mutex_);
    for (const auto& [name, spec] : specs_) names.push_back(name);
  }
  std::vector<MonitorInfo> monitors;
  for (const auto& name : names) monitors.push_back(TRY(find_monitor(name)));
  return monitors;
}

Result<WindowResult> Monitors::find_window(const std::string& monitor, Timestamp start) const {
  auto window = TRY(store::find_window(foundation_.db, monitor, start));
  if (window) return *std::move(window);
  return not_found("monitor {} has no window that starts at {}", monitor, format_time(start));
}

Result<std::vector<WindowResult>> Monitors::list_windows(const std::string& monitor, std::optional<Timestamp> before,
                                                         int limit) const {
  TRY(spec_of(monitor));
  return store::list_windows(foundation_.db, monitor, before, limit);
}

Result<std::vector<Alert>> Monitors::list_alerts(const AlertFilter& filter, std::int64_t before, int limit) const {
  return store::list_alerts(foundation_.db, filter, before, limit);
}

}  // namespace millrace::monitoring
