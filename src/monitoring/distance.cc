#include "monitoring/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace millrace::monitoring {
namespace {

using Shares = std::vector<double>;

double total(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum;
}

Shares shares_of(const std::vector<double>& counts) {
  const double sum = total(counts);
  Shares shares(counts.size());
  std::ranges::transform(counts, shares.begin(), [sum](double count) { return count / sum; });
  return shares;
}

// Evidently's get_binned_data(feel_zeroes=True): an empty cell gets 0.0001, or a millionth of the smallest share where
// that is no larger than 0.0001.
void fill_zeros(Shares& shares) {
  double smallest = std::numeric_limits<double>::infinity();
  for (double share : shares) {
    if (share > 0) smallest = std::min(smallest, share);
  }
  const double filling = smallest <= 0.0001 ? smallest / 1e6 : 0.0001;
  std::ranges::replace(shares, 0.0, filling);
}

double relative_entropy(double x, double y) { return x > 0 ? x * std::log(x / y) : 0; }

double hellinger_from_affinity(double affinity) { return std::sqrt(1 - std::clamp(affinity, 0.0, 1.0)); }

// P(a, x) by its power series; converges fast for x < a + 1.
double lower_gamma_series(double a, double x) {
  double term = 1 / a;
  double sum = term;
  for (int n = 1; n < 100'000 && std::abs(term) > std::abs(sum) * 1e-17; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * std::exp(a * std::log(x) - x - std::lgamma(a));
}

// Q(a, x) by its continued fraction, evaluated forward by Lentz' method; converges fast for x >= a + 1.
double upper_gamma_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a;
  double c = 1 / kTiny;
  double d = 1 / b;
  double h = d;
  for (int n = 1; n < 100'000; ++n) {
    const double numerator = -n * (n - a);
    b += 2;
    d = numerator * d + b;
    c = b + numerator / c;
    if (std::abs(d) < kTiny) d = kTiny;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double factor = d * c;
    h *= factor;
    if (std::abs(factor - 1) < 1e-16) break;
  }
  return h * std::exp(a * std::log(x) - x - std::lgamma(a));
}

}  // namespace

double upper_gamma(double a, double x) {
  if (x <= 0) return 1;
  if (std::isinf(x)) return 0;
  return x < a + 1 ? 1 - lower_gamma_series(a, x) : upper_gamma_fraction(a, x);
}

double wasserstein(const Sample& reference, const Sample& current) {
  const auto left = reference.sorted();
  const auto right = current.sorted();
  const auto m = static_cast<double>(left.size());
  const auto n = static_cast<double>(right.size());
  double area = 0;
  double previous = std::min(left.front(), right.front());
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() || j < right.size()) {
    const bool take_left = j == right.size() || (i < left.size() && left[i] <= right[j]);
    const double next = take_left ? left[i] : right[j];
    area += std::abs(static_cast<double>(i) / m - static_cast<double>(j) / n) * (next - previous);
    previous = next;
    ++(take_left ? i : j);
  }
  return area;
}

double normed_wasserstein(const Sample& reference, const Sample& current) {
  return wasserstein(reference, current) / std::max(reference.standard_deviation(), 0.001);
}

double jensen_shannon(const CellCounts& cells) {
  const Shares p = shares_of(cells.reference);
  const Shares q = shares_of(cells.current);
  double divergence = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double middle = (p[i] + q[i]) / 2;
    divergence += relative_entropy(p[i], middle) + relative_entropy(q[i], middle);
  }
  return std::sqrt(std::max(divergence, 0.0) / 2);
}

double population_stability_index(const CellCounts& cells) {
  Shares p = shares_of(cells.reference);
  Shares q = shares_of(cells.current);
  fill_zeros(p);
  fill_zeros(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += (p[i] - q[i]) * std::log(p[i] / q[i]);
  return sum;
}

double kl_divergence(const CellCounts& cells) {
  Shares p = shares_of(cells.reference);
  Shares q = shares_of(cells.current);
  fill_zeros(p);
  fill_zeros(q);
  const double p_total = total(p);
  const double q_total = total(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += relative_entropy(p[i] / p_total, q[i] / q_total);
  return sum;
}

double chi_square(const CellCounts& cells) {
  const double scale = total(cells.current) / total(cells.reference);
  double statistic = 0;
  for (std::size_t i = 0; i < cells.current.size(); ++i) {
    const double expected = cells.reference[i] * scale;
    if (expected == 0) return 0;
    const double difference = cells.current[i] - expected;
    statistic += difference * difference / expected;
  }
  const auto freedom = static_cast<double>(cells.current.size()) - 1;
  return freedom > 0 ? upper_gamma(freedom / 2, statistic / 2) : 1;
}

double two_proportions(const CellCounts& cells) {
  if (cells.reference.size() < 2) return 1;
  const double m = total(cells.reference);
  const double n = total(cells.current);
  const double p = (m - cells.reference.front()) / m;
  const double q = (n - cells.current.front()) / n;
  const double pooled = (p * m + q * n) / (m + n);
  const double z = (p - q) / std::sqrt(pooled * (1 - pooled) * (1 / m + 1 / n));
  return std::erfc(std::abs(z) / std::sqrt(2.0));
}

double hellinger(const Sample& reference, const Sample& current) {
  const double low = std::min(reference.sorted().front(), current.sorted().front());
  const double high = std::max(reference.sorted().back(), current.sorted().back());
  const std::size_t distinct = count_values(reference, current).reference.size();
  const auto edges = sturges_edges(low, high, distinct);
  const Shares p = shares_of(histogram(reference.sorted(), edges));
  const Shares q = shares_of(histogram(current.sorted(), edges));
  double affinity = 0;
  for (std::size_t i = 0; i < p.size(); ++i) affinity += std::sqrt(p[i] * q[i]);
  return hellinger_from_affinity(affinity);
}

double hellinger(const Categories& reference, const Categories& current) {
  const CellCounts cells = count_values(reference, current);
  const Shares p = shares_of(cells.reference);
  const Shares q = shares_of(cells.current);
  double affinity = 0;
  for (std::size_t i = 0; i < p.size(); ++i) affinity += std::sqrt(p[i] * q[i]);
  return hellinger_from_affinity(affinity);
}

}  // namespace millrace::monitoring
