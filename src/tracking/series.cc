#include "tracking/series.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace millrace::tracking {

namespace {

// The distance from `a` up to `b`, which may be more than an int64 holds.
std::uint64_t distance(std::int64_t a, std::int64_t b) {
  return static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
}

std::int64_t plus(std::int64_t a, std::uint64_t distance) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + distance);
}

}  // namespace

void add_point(Series& series, const Point& point, bool is_nan) {
  const bool first = series.points == 0 && !series.ascending;
  const bool follows =
      first || (series.ascending && point.step > series.step && point.timestamp.us >= series.timestamp);
  if (first) series.first_step = point.step;
  if (follows && !first) {
    const auto stride = std::gcd(static_cast<std::uint64_t>(series.stride), distance(series.step, point.step));
    series.stride = static_cast<std::int64_t>(stride);
  }
  const bool latest = first || std::tuple(point.step, point.timestamp.us, point.value) >
                                   std::tuple(series.step, series.timestamp, series.value);
  if (latest) {
    series.timestamp = point.timestamp.us;
    series.step = point.step;
    series.value = point.value;
    series.is_nan = is_nan;
  }
  series.ascending = follows;
  ++series.points;
}

std::vector<std::int64_t> sample_places(std::int64_t count, std::int64_t limit) {
  std::vector<std::int64_t> places;
  const std::int64_t parts = std::min(count, limit);
  if (parts <= 0) return places;
  const std::int64_t size = count / parts;
  const std::int64_t larger = count % parts;
  for (std::int64_t part = 0; part < parts; ++part) places.push_back(part * size + std::min(part, larger));
  places.back() = count - 1;
  return places;
}

std::optional<StepRange> plain_steps(const Series& series, std::int64_t from, std::int64_t to) {
  if (!series.ascending || series.points == 0 || series.stride < 0) return std::nullopt;
  const std::uint64_t stride = std::max<std::uint64_t>(static_cast<std::uint64_t>(series.stride), 1);
  const std::uint64_t span = distance(series.first_step, series.step);
  if (span / stride + 1 != static_cast<std::uint64_t>(series.points)) return std::nullopt;
  if (from > series.step || to < series.first_step || from > to) return StepRange{};
  const std::uint64_t skipped =
      from > series.first_step ? (distance(series.first_step, from) + stride - 1) / stride : 0;
  const std::int64_t first = plus(series.first_step, skipped * stride);
  const std::int64_t last = std::min(to, series.step);
  if (first > last) return StepRange{};
  return StepRange{first, static_cast<std::int64_t>(stride),
                   static_cast<std::int64_t>(distance(first, last) / stride + 1)};
}

}  // namespace millrace::tracking
