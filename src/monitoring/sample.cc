#include "monitoring/sample.h"

#include <algorithm>
#include <cmath>

namespace millrace::monitoring {
namespace {

std::size_t count_distinct(std::span<const double> sorted) {
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) distinct += i == 0 || sorted[i] != sorted[i - 1];
  return distinct;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values, double mean) {
  double sum = 0;
  for (double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// The length of the run of equal values that starts at `from`.
std::size_t run_length(std::span<const double> sorted, std::size_t from) {
  std::size_t end = from;
  while (end < sorted.size() && sorted[end] == sorted[from]) ++end;
  return end - from;
}

}  // namespace

Sample::Sample(std::vector<double> values) : sorted_(std::move(values)) {
  const auto finite_end = std::ranges::remove_if(sorted_, [](double v) { return !std::isfinite(v); }).begin();
  missing_ = static_cast<std::size_t>(sorted_.end() - finite_end);
  sorted_.erase(finite_end, sorted_.end());
  std::ranges::sort(sorted_);
  if (sorted_.empty()) return;
  distinct_ = count_distinct(sorted_);
  mean_ = mean_of(sorted_);
  standard_deviation_ = deviation_of(sorted_, mean_);
}

std::size_t size(const Column& column) {
  return std::visit([](const auto& side) { return side.size(); }, column);
}

std::size_t missing(const Column& column) {
  return std::visit([](const auto& side) { return side.missing(); }, column);
}

CellCounts count_values(const Sample& reference, const Sample& current) {
  const auto left = reference.sorted();
  const auto right = current.sorted();
  CellCounts cells;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() || j < right.size()) {
    const bool take_left = i < left.size() && (j == right.size() || left[i] <= right[j]);
    const bool take_right = j < right.size() && (i == left.size() || right[j] <= left[i]);
    const std::size_t from_left = take_left ? run_length(left, i) : 0;
    const std::size_t from_right = take_right ? run_length(right, j) : 0;
    cells.reference.push_back(static_cast<double>(from_left));
    cells.current.push_back(static_cast<double>(from_right));
    i += from_left;
    j += from_right;
  }
  return cells;
}

CellCounts count_values(const Categories& reference, const Categories& current) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> both;
  for (const auto& [value, count] : reference.counts()) both[value].first = count;
  for (const auto& [value, count] : current.counts()) both[value].second = count;
  CellCounts cells;
  for (const auto& [value, counts] : both) {
    cells.reference.push_back(static_cast<double>(counts.first));
    cells.current.push_back(static_cast<double>(counts.second));
  }
  return cells;
}

std::vector<double> sturges_edges(double low, double high, std::size_t values) {
  if (low == high) return {low - 0.5, high + 0.5};  // numpy widens an empty range so
  const double span = high - low;
  const double width = span / (std::log2(static_cast<double>(values)) + 1.0);
  const auto bins = width > 0 ? static_cast<std::size_t>(std::ceil(span / width)) : 1;
  const double step = span / static_cast<double>(bins);
  std::vector<double> edges(bins + 1);
  for (std::size_t i = 0; i < bins; ++i) edges[i] = static_cast<double>(i) * step + low;
  edges[bins] = high;
  return edges;
}

std::vector<double> histogram(std::span<const double> sorted, std::span<const double> edges) {
  std::vector<double> counts(edges.size() - 1);
  auto from = std::ranges::lower_bound(sorted, edges.front());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool last = i + 1 == counts.size();
    const auto to =
        last ? std::ranges::upper_bound(sorted, edges.back()) : std::ranges::lower_bound(sorted, edges[i + 1]);
    counts[i] = static_cast<double>(to - from);
    from = to;
  }
  return counts;
}

CellCounts evidently_cells(const Sample& reference, const Sample& current) {
  if (reference.distinct() <= 20) return count_values(reference, current);
  const double low = std::min(reference.sorted().front(), current.sorted().front());
  const double high = std::max(reference.sorted().back(), current.sorted().back());
  const auto edges = sturges_edges(low, high, reference.size() + current.size());
  return {histogram(reference.sorted(), edges), histogram(current.sorted(), edges)};
}

}  // namespace millrace::monitoring
