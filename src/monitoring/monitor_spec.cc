#include "monitoring/monitor_spec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/suggest.h"
#include "monitoring/performance.h"

namespace millrace::monitoring {
namespace {

constexpr char kSchema[] = {
#embed "monitor.schema.json"
};

struct ConditionKey {
  Condition condition;
  const char* key;
};
constexpr std::array<ConditionKey, 4> kConditionKeys{{{Condition::kAbove, "above"},
                                                      {Condition::kBelow, "below"},
                                                      {Condition::kAboveReference, "above_reference"},
                                                      {Condition::kBelowReference, "below_reference"}}};

const std::vector<std::string>& default_metrics() {
  static const std::vector<std::string> names{"log_loss", "roc_auc", "brier_score", "expected_calibration_error"};
  return names;
}

bool is_metric(std::string_view name) { return metric_direction(name).has_value(); }

bool takes_threshold_from_drift(std::string_view when) { return when == "dataset_drift" || when == "psi"; }

std::vector<std::string> watchable_names() {
  std::vector<std::string> names{"dataset_drift", "psi"};
  names.insert(names.end(), metric_names().begin(), metric_names().end());
  names.insert(names.end(), count_names().begin(), count_names().end());
  return names;
}

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
}

std::string read_name(ObjectReader& reader) {
  std::string name = reader.required_string("name");
  if (!name.empty() && !is_name(name)) reader.fault("name", "a name has letters, digits, \"_\" and \"-\" only");
  return name;
}

std::optional<double> positive_number(ObjectReader& reader, std::string_view key) {
  const auto value = reader.number(key);
  if (!value || (std::isfinite(*value) && *value > 0)) return value;
  reader.fault(key, fmt::format("\"{}\" must be above 0", key));
  return std::nullopt;
}

std::optional<DriftSpec> read_drift(const Node* node, Diagnostics& diagnostics) {
  DriftSpec spec;
  if (node == nullptr) return spec;
  ObjectReader reader(*node, diagnostics, "drift");
  std::vector<std::string> methods = drift_method_names();
  methods.emplace_back("none");
  const auto method = reader.choice("method", methods).value_or("evidently");
  spec.options.method = find_drift_method(method).value_or(DriftMethod::kEvidently);
  spec.options.threshold = positive_number(reader, "threshold");
  spec.columns = reader.strings("columns");
  spec.share = positive_number(reader, "share").value_or(spec.share);
  if (spec.share > 1) reader.fault("share", "\"share\" must be between 0 and 1");
  spec.psi = positive_number(reader, "psi").value_or(spec.psi);
  reader.finish();
  if (method == "none") return std::nullopt;
  return spec;
}

std::vector<std::string> read_metrics(const Node* node, Diagnostics& diagnostics) {
  if (node == nullptr) return default_metrics();
  ObjectReader reader(*node, diagnostics, "performance");
  const auto* list = reader.any("metrics");
  auto metrics = reader.strings("metrics");
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (is_metric(metrics[i])) continue;
    const bool in_list = list->kind == Node::Kind::kSequence && list->items.size() == metrics.size();
    diagnostics.add(in_list ? list->items[i].at : list->at,
                    fmt::format("there is no metric \"{}\"{}; the metrics are {}", metrics[i],
                                did_you_mean(metrics[i], metric_names()), fmt::join(metric_names(), ", ")));
  }
  reader.finish();
  return list == nullptr ? default_metrics() : metrics;
}

// The one threshold that the alert gives.
void read_condition(ObjectReader& reader, AlertSpec& alert) {
  int given = 0;
  for (const auto& [condition, key] : kConditionKeys) {
    const auto threshold = reader.number(key);
    if (!threshold) continue;
    if (!std::isfinite(*threshold)) reader.fault(key, fmt::format("\"{}\" must be a number", key));
    ++given;
    alert.condition = condition;
    alert.threshold = *threshold;
  }
  const bool reference = alert.condition == Condition::kAboveReference || alert.condition == Condition::kBelowReference;
  if (takes_threshold_from_drift(alert.when)) {
    if (given > 0) {
      reader.fault("when", fmt::format("an alert on {} takes its threshold from drift.{}", alert.when,
                                       alert.when == "psi" ? "psi" : "share"));
    }
  } else if (given != 1) {
    reader.fault(
        "when",
        fmt::format("an alert on {} needs exactly one of above, below, above_reference, below_reference", alert.when));
  } else if (reference && !is_metric(alert.when)) {
    reader.fault("when", fmt::format("{} has no reference to compare with; use above or below", alert.when));
  }
}

AlertSpec read_alert(const Node& node, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "an alert");
  AlertSpec alert{.at = node.at};
  alert.name = read_name(reader);
  static const auto names = watchable_names();
  if (reader.any("when") == nullptr) reader.required_string("when");
  const auto when = reader.choice("when", names);
  alert.when = when.value_or("");
  if (when && std::ranges::find(names, *when) != names.end()) {
    read_condition(reader, alert);
  } else {
    for (const auto& entry : kConditionKeys) reader.number(entry.key);
  }
  reader.finish();
  return alert;
}

std::vector<AlertSpec> read_alerts(const std::vector<Node>* list, Diagnostics& diagnostics) {
  std::vector<AlertSpec> alerts;
  std::set<std::string> names;
  if (list == nullptr) return alerts;
  for (const Node& item : *list) {
    alerts.push_back(read_alert(item, diagnostics));
    const std::string& name = alerts.back().name;
    if (!name.empty() && !names.insert(name).second) {
      diagnostics.add(item.at, fmt::format("there are two alerts named \"{}\"", name));
    }
  }
  return alerts;
}

// What an alert watches is computed, listed or not.
void add_watched(MonitorSpec& spec, Diagnostics& diagnostics) {
  for (const AlertSpec& alert : spec.alerts) {
    const bool listed = std::ranges::find(spec.metrics, alert.when) != spec.metrics.end();
    if (is_metric(alert.when) && !listed) spec.metrics.push_back(alert.when);
    if (takes_threshold_from_drift(alert.when) && !spec.drift) {
      diagnostics.add(alert.at, fmt::format("alert {} watches {}, but drift.method is none", alert.name, alert.when));
    }
  }
}

void read_times(ObjectReader& reader, MonitorSpec& spec) {
  spec.window = reader.duration("window").value_or(spec.window);
  if (spec.window < std::chrono::minutes{1}) reader.fault("window", "\"window\" must be at least 1m");
  spec.label_wait = reader.duration("label_wait").value_or(spec.label_wait);
  if (spec.label_wait < Duration{0}) reader.fault("label_wait", "\"label_wait\" must not be negative");
  spec.min_predictions = reader.integer("min_predictions").value_or(spec.min_predictions);
  if (spec.min_predictions < 1) reader.fault("min_predictions", "\"min_predictions\" must be at least 1");
}

Json alert_document(const AlertSpec& alert) {
  Json json{{"name", alert.name}, {"when", alert.when}};
  for (const auto& [condition, key] : kConditionKeys) {
    if (alert.condition == condition) json[key] = alert.threshold;
  }
  return json;
}

Json drift_document(const std::optional<DriftSpec>& drift) {
  if (!drift) return {{"method", "none"}};
  Json json{{"method", drift_method_name(drift->options.method)}};
  if (drift->options.threshold) json["threshold"] = *drift->options.threshold;
  if (!drift->columns.empty()) json["columns"] = drift->columns;
  json["share"] = drift->share;
  json["psi"] = drift->psi;
  return json;
}

}  // namespace

const std::vector<std::string>& count_names() {
  static const std::vector<std::string> names{"predictions", "labelled", "label_rate", "mean_prediction",
                                              "share_positive"};
  return names;
}

std::optional<MonitorSpec> parse_monitor(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Monitor");
  if (reader.string("kind") != "Monitor") return std::nullopt;
  MonitorSpec spec{.at = document.at};
  spec.name = read_name(reader);
  spec.description = reader.string("description").value_or("");
  spec.endpoint = reader.required_string("endpoint");
  spec.endpoint_at = reader.at("endpoint");
  read_times(reader, spec);
  spec.drift = read_drift(reader.mapping("drift"), diagnostics);
  spec.metrics = read_metrics(reader.mapping("performance"), diagnostics);
  spec.alerts = read_alerts(reader.list("alerts"), diagnostics);
  add_watched(spec, diagnostics);
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return spec;
}

Json to_document(const MonitorSpec& spec) {
  Json json{{"kind", "Monitor"}, {"name", spec.name}};
  if (!spec.description.empty()) json["description"] = spec.description;
  json["endpoint"] = spec.endpoint;
  json["window"] = format_duration(spec.window);
  json["label_wait"] = format_duration(spec.label_wait);
  json["min_predictions"] = spec.min_predictions;
  json["drift"] = drift_document(spec.drift);
  json["performance"] = {{"metrics", spec.metrics}};
  json["alerts"] = Json::array();
  for (const AlertSpec& alert : spec.alerts) json["alerts"].push_back(alert_document(alert));
  return json;
}

std::string_view monitor_schema() { return {kSchema, sizeof(kSchema)}; }

}  // namespace millrace::monitoring
