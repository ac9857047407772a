#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/exposition.h"

namespace millrace::serving {

// Upper bounds of times, in nanoseconds: 1, 2, 5 of each power of ten from 1 µs to 10 s. A prediction of one row takes
// some microseconds.
inline constexpr std::array<std::uint64_t, 22> kTimeBounds = {
    1'000,       2'000,       5'000,         10'000,        20'000,        50'000,        100'000,    200'000,
    500'000,     1'000'000,   2'000'000,     5'000'000,     10'000'000,    20'000'000,    50'000'000, 100'000'000,
    200'000'000, 500'000'000, 1'000'000'000, 2'000'000'000, 5'000'000'000, 10'000'000'000};

// The first bound that is not below `ns`; their number where all are.
inline std::size_t time_bucket(std::uint64_t ns) {
  // The first bound that some number of so many bits does not pass; at most two further ones are below such a number.
  static constexpr auto kFirst = [] {
    std::array<std::uint8_t, 65> first{};
    for (std::size_t bits = 1; bits < first.size(); ++bits) {
      const auto least = std::uint64_t{1} << (bits - 1);
      first[bits] = static_cast<std::uint8_t>(std::ranges::lower_bound(kTimeBounds, least) - kTimeBounds.begin());
    }
    return first;
  }();
  std::size_t bucket = kFirst[static_cast<std::size_t>(std::bit_width(ns))];
  while (bucket < kTimeBounds.size() && ns > kTimeBounds[bucket]) ++bucket;
  return bucket;
}

// What a TimeCounts has counted, or several together.
struct TimeReading {
  std::array<std::uint64_t, kTimeBounds.size() + 1> counts{};  // the last is of what took longer
  std::uint64_t sum_ns = 0;

  TimeReading& operator+=(const TimeReading& other);
  std::uint64_t count() const;
  metrics::HistogramReading in_seconds() const;
};

// A histogram of times. Thread-safe, without a lock.
class TimeCounts {
 public:
  void add(std::uint64_t ns) {
    counts_[time_bucket(ns)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(ns, std::memory_order_relaxed);
  }
  TimeReading read() const;

 private:
  std::array<std::atomic<std::uint64_t>, kTimeBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace millrace::serving
