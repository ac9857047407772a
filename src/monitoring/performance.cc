#include "monitoring/performance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace millrace::monitoring {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool positive(double label) { return label >= 0.5; }

template <typename Term>
double mean_over(const Scored& rows, Term term) {
  if (rows.labels.empty()) return kNaN;
  double sum = 0;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) sum += term(rows.labels[i], rows.predictions[i]);
  return sum / static_cast<double>(rows.labels.size());
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// numpy.percentile(sorted, 100 q), method "linear".
double quantile(std::span<const double> sorted, double q) {
  const double at = static_cast<double>(sorted.size() - 1) * q;
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double t = at - std::floor(at);
  const double step = sorted[above] - sorted[below];
  return t >= 0.5 ? sorted[above] - step * (1 - t) : sorted[below] + step * t;
}

// The edges between the bins.
std::vector<double> inner_edges(std::span<const double> predictions, int bins, Binning binning) {
  std::vector<double> sorted;
  if (binning == Binning::kQuantile) {
    sorted.assign(predictions.begin(), predictions.end());
    std::ranges::sort(sorted);
  }
  const double step = 1.0 / bins;
  std::vector<double> edges;
  for (int i = 1; i < bins; ++i) edges.push_back(sorted.empty() ? i * step : quantile(sorted, i * step * 100 / 100));
  return edges;
}

struct NamedMetric {
  std::string_view name;
  Better better;
  double (*compute)(const Scored&);
};

constexpr std::array<NamedMetric, 11> kMetrics{{
    {"accuracy", Better::kHigher, [](const Scored& rows) { return accuracy(confusion(rows)); }},
    {"adaptive_calibration_error", Better::kLower,
     [](const Scored& rows) { return expected_calibration_error(rows, 10, Binning::kQuantile); }},
    {"brier_score", Better::kLower, brier_score},
    {"expected_calibration_error", Better::kLower,
     [](const Scored& rows) { return expected_calibration_error(rows, 10, Binning::kUniform); }},
    {"f1", Better::kHigher, [](const Scored& rows) { return f1(confusion(rows)); }},
    {"log_loss", Better::kLower, log_loss},
    {"mean_absolute_error", Better::kLower, mean_absolute_error},
    {"precision", Better::kHigher, [](const Scored& rows) { return precision(confusion(rows)); }},
    {"recall", Better::kHigher, [](const Scored& rows) { return recall(confusion(rows)); }},
    {"roc_auc", Better::kHigher, roc_auc},
    {"root_mean_squared_error", Better::kLower, root_mean_squared_error},
}};

}  // namespace

double log_loss_of(double label, double prediction) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const double given = positive(label) ? prediction : 1 - prediction;
  return -std::log(std::clamp(given, kEpsilon, 1 - kEpsilon));
}

double log_loss(const Scored& rows) { return mean_over(rows, log_loss_of); }

double brier_score(const Scored& rows) {
  return mean_over(rows, [](double label, double p) {
    const double difference = (positive(label) ? 1.0 : 0.0) - p;
    return difference * difference;
  });
}

double mean_absolute_error(const Scored& rows) {
  return mean_over(rows, [](double label, double p) { return std::abs(label - p); });
}

double root_mean_squared_error(const Scored& rows) {
  return std::sqrt(mean_over(rows, [](double label, double p) { return (label - p) * (label - p); }));
}

// The rank-sum form: (sum of the positives' mid-ranks - P (P + 1) / 2) / (P N), here counted in half-steps.
double roc_auc(const Scored& rows) {
  std::vector<std::pair<double, bool>> sorted(rows.labels.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = {rows.predictions[i], positive(rows.labels[i])};
  std::ranges::sort(sorted);
  std::int64_t positives = 0;
  std::int64_t negatives = 0;
  double area = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    std::int64_t tied_positives = 0;
    std::int64_t tied_negatives = 0;
    const double at = sorted[i].first;
    if (std::isnan(at)) return kNaN;
    for (; i < sorted.size() && sorted[i].first == at; ++i) ++(sorted[i].second ? tied_positives : tied_negatives);
    area += static_cast<double>(tied_positives) *
            (static_cast<double>(negatives) + static_cast<double>(tied_negatives) / 2);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  if (positives == 0 || negatives == 0) return kNaN;
  return area / (static_cast<double>(positives) * static_cast<double>(negatives));
}

Confusion confusion(const Scored& rows) {
  Confusion counts;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    const bool actual = positive(rows.labels[i]);
    const bool said = rows.predictions[i] > 0.5;
    ++(actual ? (said ? counts.true_positive : counts.false_negative)
              : (said ? counts.false_positive : counts.true_negative));
  }
  return counts;
}

double accuracy(const Confusion& c) {
  return ratio(c.true_positive + c.true_negative,
               c.true_positive + c.true_negative + c.false_positive + c.false_negative);
}
double precision(const Confusion& c) { return ratio(c.true_positive, c.true_positive + c.false_positive); }
double recall(const Confusion& c) { return ratio(c.true_positive, c.true_positive + c.false_negative); }
double f1(const Confusion& c) {
  return ratio(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative);
}

std::vector<CalibrationBin> calibration_curve(const Scored& rows, int bins, Binning binning) {
  if (rows.labels.empty()) return {};
  const auto edges = inner_edges(rows.predictions, bins, binning);
  std::vector<CalibrationBin> all(edges.size() + 1);
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    CalibrationBin& bin =
        all[static_cast<std::size_t>(std::ranges::lower_bound(edges, rows.predictions[i]) - edges.begin())];
    bin.mean_prediction += rows.predictions[i];
    bin.share_positive += positive(rows.labels[i]) ? 1 : 0;
    ++bin.rows;
  }
  std::erase_if(all, [](const CalibrationBin& bin) { return bin.rows == 0; });
  for (CalibrationBin& bin : all) {
    bin.mean_prediction /= static_cast<double>(bin.rows);
    bin.share_positive /= static_cast<double>(bin.rows);
  }
  return all;
}

double expected_calibration_error(const Scored& rows, int bins, Binning binning) {
  if (rows.labels.empty()) return kNaN;
  double sum = 0;
  for (const CalibrationBin& bin : calibration_curve(rows, bins, binning)) {
    sum += std::abs(bin.share_positive - bin.mean_prediction) * static_cast<double>(bin.rows);
  }
  return sum / static_cast<double>(rows.labels.size());
}

const std::vector<std::string>& metric_names() {
  static const auto names = [] {
    std::vector<std::string> list;
    for (const auto& metric : kMetrics) list.emplace_back(metric.name);
    return list;
  }();
  return names;
}

std::optional<Better> metric_direction(std::string_view name) {
  const auto found = std::ranges::find(kMetrics, name, &NamedMetric::name);
  if (found == kMetrics.end()) return std::nullopt;
  return found->better;
}

double compute_metric(std::string_view name, const Scored& rows) {
  const auto found = std::ranges::find(kMetrics, name, &NamedMetric::name);
  if (found == kMetrics.end() || rows.labels.empty()) return kNaN;
  return found->compute(rows);
}

}  // namespace millrace::monitoring
