#include "serving/time_counts.h"

#include <numeric>

namespace millrace::serving {
namespace {

constexpr auto kBoundsInSeconds = [] {
  std::array<double, kTimeBounds.size()> seconds{};
  std::ranges::transform(kTimeBounds, seconds.begin(), [](std::uint64_t ns) { return static_cast<double>(ns) / 1e9; });
  return seconds;
}();

}  // namespace

TimeReading& TimeReading::operator+=(const TimeReading& other) {
  std::ranges::transform(counts, other.counts, counts.begin(), std::plus());
  sum_ns += other.sum_ns;
  return *this;
}

std::uint64_t TimeReading::count() const { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

metrics::HistogramReading TimeReading::in_seconds() const {
  return {.upper_bounds = kBoundsInSeconds,
          .counts = {counts.begin(), counts.end()},
          .sum = static_cast<double>(sum_ns) / 1e9};
}

TimeReading TimeCounts::read() const {
  TimeReading reading{.sum_ns = sum_ns_.load(std::memory_order_relaxed)};
  std::ranges::transform(counts_, reading.counts.begin(),
                         [](const auto& count) { return count.load(std::memory_order_relaxed); });
  return reading;
}

}  // namespace millrace::serving
