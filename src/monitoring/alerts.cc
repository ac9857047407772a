#include "monitoring/alerts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace millrace::monitoring {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const ColumnDrift* widest(const std::vector<ColumnDrift>& columns) {
  const auto found = std::ranges::max_element(columns, {}, &ColumnDrift::psi);
  return found == columns.end() ? nullptr : &*found;
}

double watched_value(const std::string& when, const WindowResult& result) {
  const Performance* live = result.live();
  if (when == "predictions") return static_cast<double>(result.predictions);
  if (when == "labelled") return static_cast<double>(result.labelled);
  if (when == "label_rate") return result.label_rate();
  if (when == "share_positive") return result.share_positive;
  if (live == nullptr) return kNaN;
  if (when == "mean_prediction") return live->mean_prediction;
  const auto metric = live->metrics.find(when);
  return metric == live->metrics.end() ? kNaN : metric->second;
}

bool compares_with_reference(Condition condition) {
  return condition == Condition::kAboveReference || condition == Condition::kBelowReference;
}

// The value that must not be passed; nullopt where the version has no value of its own to compare with.
std::optional<double> threshold_of(const AlertSpec& alert, const WindowResult& result) {
  if (!compares_with_reference(alert.condition)) return alert.threshold;
  const auto reference = result.reference_metrics.find(alert.when);
  if (reference == result.reference_metrics.end() || !std::isfinite(reference->second)) return std::nullopt;
  return alert.condition == Condition::kAboveReference ? reference->second + alert.threshold
                                                       : reference->second - alert.threshold;
}

bool passes(Condition condition, double value, double threshold) {
  const bool above = condition == Condition::kAbove || condition == Condition::kAboveReference;
  return above ? value > threshold : value < threshold;
}

Alert raise(const AlertSpec& spec, const WindowResult& result, double value, double threshold, std::string message) {
  return {.monitor = result.monitor,
          .alert = spec.name,
          .window = result.window,
          .event_time = result.computed_at,
          .metric = spec.when,
          .value = value,
          .threshold = threshold,
          .message = std::move(message)};
}

std::optional<Alert> judge_drift(const AlertSpec& spec, const DriftSpec& drift, const WindowResult& result) {
  if (!result.drift.drifted) return std::nullopt;
  return raise(spec, result, result.drift.share, drift.share,
               fmt::format("{} of {} columns drifted, a share of {:.2f}; the threshold is {:.2f}",
                           result.drift.drifted_columns, result.columns.size(), result.drift.share, drift.share));
}

std::optional<Alert> judge_psi(const AlertSpec& spec, const DriftSpec& drift, const WindowResult& result) {
  const ColumnDrift* column = widest(result.columns);
  if (column == nullptr || !(column->psi >= drift.psi)) return std::nullopt;
  return raise(spec, result, column->psi, drift.psi,
               fmt::format("psi {:.4f} of {} reaches {}", column->psi, column->name, drift.psi));
}

std::optional<Alert> judge_value(const AlertSpec& spec, const WindowResult& result, AlertDecisions& decisions) {
  const auto threshold = threshold_of(spec, result);
  if (!threshold) {
    decisions.notes.push_back(fmt::format("alert {} was not judged: version {} has no {} of its own to compare with",
                                          spec.name, result.version, spec.when));
    return std::nullopt;
  }
  const double value = watched_value(spec.when, result);
  if (!passes(spec.condition, value, *threshold)) return std::nullopt;
  const bool above = value > *threshold;
  return raise(spec, result, value, *threshold,
               fmt::format("{} {:.4f} is {} {:.4f}{}", spec.when, value, above ? "above" : "below", *threshold,
                           compares_with_reference(spec.condition)
                               ? fmt::format(", {} {} what version {} promised", spec.threshold,
                                             above ? "above" : "below", result.version)
                               : ""));
}

}  // namespace

AlertDecisions evaluate_alerts(const MonitorSpec& spec, const WindowResult& result) {
  AlertDecisions decisions;
  if (result.predictions < std::max<std::int64_t>(spec.min_predictions, 1)) return decisions;
  for (const AlertSpec& alert : spec.alerts) {
    std::optional<Alert> raised;
    if (alert.when == "dataset_drift") {
      if (spec.drift) raised = judge_drift(alert, *spec.drift, result);
    } else if (alert.when == "psi") {
      if (spec.drift) raised = judge_psi(alert, *spec.drift, result);
    } else {
      raised = judge_value(alert, result, decisions);
    }
    if (raised) decisions.raised.push_back(*std::move(raised));
  }
  return decisions;
}

}  // namespace millrace::monitoring
