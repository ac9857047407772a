#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace millrace::features {

template <typename T>
struct Span {
  T begin, end;
};

// Whether the spread of a column's values (for stddev) is kept.
enum class Spread : std::uint8_t { kNotKept, kKept };

// What is kept of a number of values: enough for every aggregate. Mean and squared deviations are Welford's, merged by
// Chan, Golub and LeVeque's formula ("Updating formulae and a pairwise algorithm for computing sample variances",
// 1979).
struct Moments {
  double count = 0;
  double sum = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  double mean = 0;
  double squares = 0;  // sum of squared deviations from the mean

  void add(double x) {
    ++count, sum += x;
    low = std::min(low, x), high = std::max(high, x);
  }
  void add_spread(double x) {
    add(x);
    const double from_old = x - mean;
    mean += from_old / count;
    squares += from_old * (x - mean);
  }
  void merge(const Moments& other, Spread spread) {
    if (other.count == 0) return;
    if (spread == Spread::kKept) merge_spread(other);
    count += other.count, sum += other.sum;
    low = std::min(low, other.low), high = std::max(high, other.high);
  }

 private:
  void merge_spread(const Moments& other) {
    const double total = count + other.count, between = other.mean - mean;
    mean += between * other.count / total;
    squares += other.squares + between * between * count * other.count / total;
  }
};

// The moments of each full hour, or day, in which there are rows: numbered from the epoch, one Moments for each column.
struct Tiles {
  std::vector<std::int64_t> numbers;  // ascending
  std::vector<Moments> moments;       // of tile i and column c at i * columns + c

  std::size_t find(std::int64_t number) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(numbers, number) - numbers.begin());
  }
  void cut_from(std::int64_t number, std::size_t columns) {
    const std::size_t keep = find(number);
    numbers.resize(keep), moments.resize(keep * columns);
  }
  void drop_before(std::int64_t number, std::size_t columns) {
    const auto drop = static_cast<std::ptrdiff_t>(find(number));
    numbers.erase(numbers.begin(), numbers.begin() + drop);
    moments.erase(moments.begin(), moments.begin() + drop * static_cast<std::ptrdiff_t>(columns));
  }
};

}  // namespace millrace::features
