#include "monitoring/analysis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
namespace millrace::monitoring {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_of_finite(const std::vector<double>& values) {
  double sum = 0;
  std::int64_t count = 0;
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? kNaN : sum / static_cast<double>(count);
}

Performance measure(const duck::Column& predictions, const duck::Column& labels,
                    const std::vector<std::string>& metrics) {
  std::vector<double> known;
  std::vector<double> said;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels.is_null(i) || !std::isfinite(predictions.doubles[i])) continue;
    known.push_back(labels.doubles[i]);
    said.push_back(predictions.doubles[i]);
  }
  const Scored rows{known, said};
  Performance performance{.column = predictions.name,
                          .rows = static_cast<std::int64_t>(known.size()),
                          .mean_prediction = mean_of_finite(predictions.doubles),
                          .calibration = calibration_curve(rows)};
  for (const auto& metric : metrics) performance.metrics[metric] = compute_metric(metric, rows);
  return performance;
}

void count_labels(const duck::Column& labels, WindowResult& result) {
  std::int64_t positive = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels.is_null(i)) continue;
    ++result.labelled;
    positive += labels.doubles[i] >= 0.5;
  }
  result.share_positive =
      result.labelled == 0 ? kNaN : static_cast<double>(positive) / static_cast<double>(result.labelled);
}

void count_versions(const duck::Column& versions, const duck::Column& times, WindowResult& result) {
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const std::string& version = versions.strings[i];
    auto share = std::ranges::find(result.versions, version, &VersionShare::version);
    if (share == result.versions.end()) {
      result.versions.push_back({version, 0, {times.ints[i]}});
      share = result.versions.end() - 1;
    }
    ++share->predictions;
  }
  if (versions.size() > 0) result.version = versions.strings.back();
}

}  // namespace

void summarize(const duck::Table& rows, const std::vector<std::string>& metrics, WindowResult& result) {
  constexpr std::size_t kFirstPrediction = 3;
  const duck::Column& labels = rows.columns[2];
  result.predictions = static_cast<std::int64_t>(rows.rows);
  count_labels(labels, result);
  count_versions(rows.columns[1], rows.columns[0], result);
  if (rows.rows == 0) return;
  for (std::size_t i = kFirstPrediction; i < rows.columns.size(); ++i) {
    result.performance.push_back(measure(rows.columns[i], labels, metrics));
  }
  std::ranges::sort(result.performance, {},
                    [](const Performance& p) { return std::pair(p.column != "prediction", p.column); });
}

void compare(const std::vector<std::string>& features, const Columns& reference, const Columns& current,
             const DriftSpec& spec, WindowResult& result) {
  for (const auto& name : features) {
    const auto expected = reference.find(name);
    const auto found = current.find(name);
    if (expected == reference.end() || found == current.end()) {
      result.notes.push_back(fmt::format("drift of {} was not computed: the {} has no such column", name,
                                         found == current.end() ? "prediction log" : "training set"));
      continue;
    }
    result.columns.push_back(column_drift(name, expected->second, found->second, spec.options));
  }
  std::ranges::sort(result.columns, {}, &ColumnDrift::name);
  result.drift = dataset_drift(result.columns, spec.share);
}

}  // namespace millrace::monitoring
