#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::monitoring {

// Predictions and their labels, row by row. For the metrics of classification a prediction is the probability of the
// positive class and a label of at least 0.5 is positive. All are NaN without rows.
struct Scored {
  std::span<const double> labels;
  std::span<const double> predictions;
};

// sklearn.metrics.log_loss(labels, predictions, labels=[0, 1]): probabilities are clipped to [eps, 1 - eps], eps =
// 2^-52.
double log_loss(const Scored& rows);
// One row's term of it.
double log_loss_of(double label, double prediction);

// sklearn.metrics.roc_auc_score: a tie counts one half. NaN where only one class occurs.
double roc_auc(const Scored& rows);

// sklearn.metrics.brier_score_loss.
double brier_score(const Scored& rows);

// sklearn's accuracy_score, precision_score, recall_score and f1_score of "prediction > 0.5"; 0 where undefined.
struct Confusion {
  std::int64_t true_positive = 0;
  std::int64_t false_positive = 0;
  std::int64_t true_negative = 0;
  std::int64_t false_negative = 0;
};
Confusion confusion(const Scored& rows);
double accuracy(const Confusion& counts);
double precision(const Confusion& counts);
double recall(const Confusion& counts);
double f1(const Confusion& counts);

// For regression: sklearn's mean_absolute_error and root_mean_squared_error.
double mean_absolute_error(const Scored& rows);
double root_mean_squared_error(const Scored& rows);

// sklearn.calibration.calibration_curve's strategies: "uniform" has bins of equal width, "quantile" of equal count
// (edges at the percentiles of the predictions, by linear interpolation). Bins are closed on the right.
enum class Binning { kUniform, kQuantile };

struct CalibrationBin {
  double mean_prediction = 0;
  double share_positive = 0;
  std::int64_t rows = 0;
};

// The bins that have rows, in ascending order.
std::vector<CalibrationBin> calibration_curve(const Scored& rows, int bins = 10, Binning binning = Binning::kUniform);

// Guo et al. (2017): the mean of |share positive - mean prediction| over the bins, weighted by their rows.
double expected_calibration_error(const Scored& rows, int bins = 10, Binning binning = Binning::kUniform);

enum class Better { kLower, kHigher };

// The metrics a monitor or a gate may name, in alphabetical order: accuracy, adaptive_calibration_error (10 bins of
// equal count), brier_score, expected_calibration_error (10 bins of equal width), f1, log_loss, mean_absolute_error,
// precision, recall, roc_auc, root_mean_squared_error.
const std::vector<std::string>& metric_names();
std::optional<Better> metric_direction(std::string_view name);

// NaN for a name that is not among metric_names().
double compute_metric(std::string_view name, const Scored& rows);

}  // namespace millrace::monitoring
