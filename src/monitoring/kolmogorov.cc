#include "monitoring/kolmogorov.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace millrace::monitoring {
namespace {

using std::numbers::pi;

double clip(double p) { return std::clamp(p, 0.0, 1.0); }

// The largest |F - G| over all values; both functions are read after the last of a run of ties.
double largest_distance(std::span<const double> left, std::span<const double> right) {
  const auto m = static_cast<double>(left.size());
  const auto n = static_cast<double>(right.size());
  double largest = 0;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() && j < right.size()) {
    const double at = std::min(left[i], right[j]);
    while (i < left.size() && left[i] == at) ++i;
    while (j < right.size() && right[j] == at) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / m - static_cast<double>(j) / n));
  }
  return largest;
}

// m = n: a closed sum over reflections, nested so that nothing cancels. P = 2 A0 (1 - A1 (1 - A2 (...))).
double outside_square(std::int64_t n, std::int64_t h) {
  double p = 0;
  for (std::int64_t k = n / h; k >= 0; --k) {
    double term = 1;
    for (std::int64_t j = 0; j < h; ++j) {
      term *= static_cast<double>(n - k * h - j) / static_cast<double>(n + k * h + j + 1);
    }
    p = term * (1 - p);
  }
  return 2 * p;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && a < 0); }
std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return -floor_div(-a, b); }

// The share of lattice paths from (0, 0) to (m, n) that touch |x/m - y/n| >= h / lcm, column by column: on the path to
// (x, y) it is the mean of the shares to (x-1, y) and (x, y-1), weighted by x and y. m > n.
double outside_band(std::int64_t m, std::int64_t n, std::int64_t h) {
  const std::int64_t g = std::gcd(m, n);
  const std::int64_t mg = m / g;
  const std::int64_t ng = n / g;
  std::vector<double> share(static_cast<std::size_t>(n) + 1, 1.0);  // of the present column; 1 outside the band
  std::fill_n(share.begin(), std::min(ceil_div(h, mg), n + 1), 0.0);
  for (std::int64_t x = 1; x <= m; ++x) {
    const std::int64_t low = std::clamp<std::int64_t>(floor_div(ng * x - h, mg) + 1, 0, n);
    const std::int64_t high = std::min(ceil_div(ng * x + h, mg), n + 1);
    if (high <= low) return 1;
    if (low > 0) share[static_cast<std::size_t>(low - 1)] = 1;
    double below = low == 0 ? 0 : 1;
    for (std::int64_t y = low; y < high; ++y) {
      double& cell = share[static_cast<std::size_t>(y)];
      cell = (cell * static_cast<double>(x) + below * static_cast<double>(y)) / static_cast<double>(x + y);
      below = cell;
    }
  }
  return share[static_cast<std::size_t>(n)];
}

// P(D_n+ >= d), exact: Smirnov's sum (also Birnbaum and Tingey 1951), in logarithms of extended precision.
double one_sided_survival(std::int64_t n, double d) {
  if (d >= 1) return 0;
  const auto count = static_cast<long double>(n);
  const auto x = static_cast<long double>(d);
  long double log_choose = 0;  // of n over v
  long double sum = 0;
  for (std::int64_t v = 0; v <= n; ++v) {
    const auto k = static_cast<long double>(v);
    const long double rest = 1 - x - k / count;
    if (rest < 0) break;
    const long double tail = v == n ? 0 : (count - k) * std::log(rest);  // log(0) ends the sum: exp(-inf) is 0
    sum += std::exp(log_choose + (k - 1) * std::log(x + k / count) + tail);
    log_choose += std::log((count - k) / (k + 1));
  }
  return static_cast<double>(x * sum);
}

struct Scaled {
  std::vector<long double> cells;  // row by row
  int exponent = 0;                // the matrix is cells * 2^exponent
};

Scaled multiply(const Scaled& a, const Scaled& b, std::size_t m) {
  Scaled product{std::vector<long double>(m * m), a.exponent + b.exponent};
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t k = 0; k < m; ++k) {
      const long double factor = a.cells[i * m + k];
      if (factor == 0) continue;
      for (std::size_t j = 0; j < m; ++j) product.cells[i * m + j] += factor * b.cells[k * m + j];
    }
  }
  const long double middle = product.cells[(m / 2) * m + m / 2];
  if (middle > 0x1p128L) {
    for (long double& cell : product.cells) cell *= 0x1p-128L;
    product.exponent += 128;
  }
  return product;
}

// The matrix H of Marsaglia, Tsang and Wang (2003), "Evaluating Kolmogorov's distribution", section 2.
Scaled durbin_matrix(std::size_t m, long double h) {
  Scaled matrix{std::vector<long double>(m * m), 0};
  std::vector<long double> inverse_factorial(m + 1, 1);
  for (std::size_t i = 1; i <= m; ++i) inverse_factorial[i] = inverse_factorial[i - 1] / static_cast<long double>(i);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m && j <= i + 1; ++j) matrix.cells[i * m + j] = inverse_factorial[i + 1 - j];
  }
  for (std::size_t i = 0; i < m; ++i) {
    const long double edge = (1 - std::pow(h, static_cast<long double>(i + 1))) * inverse_factorial[i + 1];
    matrix.cells[i * m] = edge;
    matrix.cells[(m - 1) * m + (m - 1 - i)] = edge;
  }
  const auto power = static_cast<long double>(m);
  const long double corner = 2 * h - 1 > 0 ? std::pow(2 * h - 1, power) : 0;
  matrix.cells[(m - 1) * m] = (1 - 2 * std::pow(h, power) + corner) * inverse_factorial[m];
  return matrix;
}

// P(D_n <= d), exact: n! / n^n times the middle of H^n.
double durbin_cdf(std::int64_t n, double d) {
  const long double nd = static_cast<long double>(n) * d;
  const auto k = static_cast<std::size_t>(std::ceil(nd));
  const std::size_t m = 2 * k - 1;
  Scaled base = durbin_matrix(m, static_cast<long double>(k) - nd);
  Scaled power{std::vector<long double>(m * m), 0};
  for (std::size_t i = 0; i < m; ++i) power.cells[i * m + i] = 1;
  for (std::int64_t rest = n; rest > 0; rest /= 2) {
    if (rest % 2 == 1) power = multiply(power, base, m);
    if (rest > 1) base = multiply(base, base, m);
  }
  long double p = power.cells[(k - 1) * m + (k - 1)];
  int exponent = power.exponent;
  for (std::int64_t i = 1; i <= n; ++i) {
    p = p * static_cast<long double>(i) / static_cast<long double>(n);
    if (p < 0x1p-128L) {
      p *= 0x1p128L;
      exponent -= 128;
    }
  }
  return clip(static_cast<double>(std::ldexp(p, exponent)));
}

// P(D_n <= d) up to terms of n^-2: Pelz and Good (1976), "Approximating the lower tail areas of the Kolmogorov-Smirnov
// one-sample statistic", equations for K0 to K3 with z = d sqrt(n).
double pelz_good_cdf(std::int64_t n, double d) {
  const double root = std::sqrt(static_cast<double>(n));
  const double z = root * d;
  const double z2 = z * z;
  const double z4 = z2 * z2;
  const double z6 = z4 * z2;
  const double pi2 = pi * pi;
  if (-pi2 / 8 / z2 < -708) return 0;
  double k0 = 0, k1 = 0, k2 = 0, k3 = 0;
  const int terms = static_cast<int>(std::ceil(16 * z / pi)) + 1;
  for (int k = terms; k >= 1; --k) {
    const double odd = 2.0 * k - 1;
    const double s = odd * odd;  // (2k-1)^2
    const double weight = std::exp(-pi2 * s / (8 * z2));
    k0 += weight;
    k1 += weight * (pi2 / 4 * s - z2);
    k2 += weight * (6 * z6 + 2 * z4 + pi2 * (2 * z4 - 5 * z2) * s / 4 + pi2 * pi2 * (1 - 2 * z2) * s * s / 16);
    k3 += weight * (pi2 * pi2 * pi2 * s * s * s * (5 - 30 * z2) / 64 + pi2 * pi2 * s * s * (-60 * z2 + 212 * z4) / 16 +
                    pi2 * s * (135 * z4 - 96 * z6) / 4 - 30 * z6 - 90 * z4 * z4);
  }
  double k2_extra = 0, k3_extra = 0;
  for (int k = terms; k >= 1; --k) {
    const double s = static_cast<double>(k) * k;
    const double weight = std::exp(-pi2 * s / (2 * z2));
    k2_extra += pi2 * s * weight;
    k3_extra += (3 * pi2 * s * z2 - pi2 * pi2 * s * s) * weight;
  }
  const double c = std::sqrt(2 * pi);
  const double sum0 = c / z * k0;
  const double sum1 = c / (6 * z4) * k1;
  const double sum2 = c / (72 * z6 * z) * k2 - c / (36 * z2 * z) * k2_extra;
  const double sum3 = c / (6480 * z6 * z4) * k3 + c / (216 * z6) * k3_extra;
  const auto count = static_cast<double>(n);
  return sum0 + sum1 / root + sum2 / count + sum3 / (count * root);
}

// 1/2 < nd <= 1: n! (2d - 1/n)^n.
double smallest_cdf(std::int64_t n, double d) {
  const auto count = static_cast<double>(n);
  return std::exp(std::lgamma(count + 1) + count * std::log(2 * d - 1 / count));
}

}  // namespace

double smirnov_exact(std::int64_t m, std::int64_t n, double d) {
  const std::int64_t lcm = std::lcm(m, n);
  const std::int64_t h = std::llround(d * static_cast<double>(lcm));
  if (h == 0) return 1;
  return clip(m == n ? outside_square(n, h) : outside_band(std::max(m, n), std::min(m, n), h));
}

double kolmogorov_survival(std::int64_t n, double d) {
  const auto count = static_cast<double>(n);
  const double nd = count * d;
  const double nd2 = nd * d;
  if (d >= 1) return 0;
  if (nd <= 0.5) return 1;
  if (nd <= 1) return clip(1 - smallest_cdf(n, d));
  if (nd >= count - 1) return clip(2 * std::pow(1 - d, count));
  if (n > 140 && nd2 >= 370) return 0;
  if (d >= 0.5 || nd2 >= (n <= 140 ? 4 : 2.2)) return clip(2 * one_sided_survival(n, d));
  const bool exact = n <= 140 || (n <= 100'000 && count * std::pow(d, 1.5) <= 1.4);
  return clip(1 - (exact ? durbin_cdf(n, d) : pelz_good_cdf(n, d)));
}

KsResult kolmogorov_smirnov(const Sample& reference, const Sample& current) {
  const auto m = static_cast<std::int64_t>(reference.size());
  const auto n = static_cast<std::int64_t>(current.size());
  const double d = largest_distance(reference.sorted(), current.sorted());
  if (std::max(m, n) <= 10'000) return {d, smirnov_exact(m, n, d)};
  const double effective = static_cast<double>(m) * static_cast<double>(n) / static_cast<double>(m + n);
  return {d, kolmogorov_survival(static_cast<std::int64_t>(std::nearbyint(effective)), d)};
}

}  // namespace millrace::monitoring
