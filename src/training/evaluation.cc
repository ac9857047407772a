#include "training/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

namespace millrace::training {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// sklearn.metrics.log_loss of one row, by the probability given to what happened.
double surprise(double probability) { return -std::log(std::clamp(probability, kEpsilon, 1 - kEpsilon)); }

// The Mann-Whitney statistic; rows of equal score share their mean rank.
std::optional<double> roc_auc(std::span<const float> labels, std::span<const float> scores) {
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t row) { return scores[row]; });
  double positives = 0, rank_sum = 0;
  for (std::size_t start = 0; start < order.size();) {
    std::size_t end = start;
    double positives_here = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[start]]; ++end)
      positives_here += labels[order[end]];
    const double mean_rank = (static_cast<double>(start + 1) + static_cast<double>(end)) / 2;
    rank_sum += positives_here * mean_rank;
    positives += positives_here;
    start = end;
  }
  const double negatives = static_cast<double>(labels.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

std::map<std::string, double> two_classes(std::span<const float> labels, std::span<const float> predictions) {
  double log_loss = 0, brier = 0, right = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const double label = labels[row], prediction = predictions[row];
    log_loss += label * surprise(prediction) + (1 - label) * surprise(1 - prediction);
    brier += (label - prediction) * (label - prediction);
    right += (prediction > 0.5) == (label > 0.5) ? 1 : 0;
  }
  const auto rows = static_cast<double>(labels.size());
  std::map<std::string, double> result = {
      {"log_loss", log_loss / rows}, {"brier_score", brier / rows}, {"accuracy", right / rows}};
  if (const auto auc = roc_auc(labels, predictions)) result["roc_auc"] = *auc;
  return result;
}

std::map<std::string, double> many_classes(std::span<const float> labels, std::span<const float> predictions) {
  const std::size_t classes = predictions.size() / labels.size();
  double log_loss = 0, right = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const auto probabilities = predictions.subspan(row * classes, classes);
    const auto label = static_cast<std::size_t>(labels[row]);
    log_loss += surprise(probabilities[label]);
    right +=
        std::ranges::max_element(probabilities) - probabilities.begin() == static_cast<std::ptrdiff_t>(label) ? 1 : 0;
  }
  const auto rows = static_cast<double>(labels.size());
  return {{"log_loss", log_loss / rows}, {"accuracy", right / rows}};
}

std::map<std::string, double> chosen_classes(std::span<const float> labels, std::span<const float> predictions) {
  double right = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) right += labels[row] == predictions[row] ? 1 : 0;
  return {{"accuracy", right / static_cast<double>(labels.size())}};
}

std::map<std::string, double> numbers(std::span<const float> labels, std::span<const float> predictions) {
  double squared = 0, absolute = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const double error = static_cast<double>(labels[row]) - predictions[row];
    squared += error * error;
    absolute += std::abs(error);
  }
  const auto rows = static_cast<double>(labels.size());
  return {{"rmse", std::sqrt(squared / rows)}, {"mae", absolute / rows}};
}

}  // namespace

std::map<std::string, double> evaluate(std::string_view objective, std::span<const float> labels,
                                       std::span<const float> predictions) {
  if (labels.empty()) return {};
  if (objective == "binary:logistic" || objective == "reg:logistic") return two_classes(labels, predictions);
  if (objective == "multi:softprob") return many_classes(labels, predictions);
  if (objective == "multi:softmax" || objective == "binary:hinge") return chosen_classes(labels, predictions);
  return numbers(labels, predictions);
}

}  // namespace millrace::training
