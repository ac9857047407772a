#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tracking/entities.h"

namespace millrace::tracking {

// What is known of a metric's history without looking at it; a row of latest_metrics.
struct Series {
  std::int64_t timestamp = 0;  // of the latest point, microseconds
  std::int64_t step = 0;
  double value = 0;
  bool is_nan = false;
  std::int64_t points = 0;
  std::int64_t first_step = 0;
  std::int64_t stride = 0;  // greatest common divisor of the distances between steps
  bool ascending = false;   // each point had a greater step than all before it, and no smaller timestamp
};

// Takes a new point, whose value is storable (0 where is_nan), into account. `series` is {} before the first.
void add_point(Series& series, const Point& point, bool is_nan);

// The places in an order of `count` points, rising, of a sample of at most `limit`: the first of each of `limit` equal
// parts, and the last of all. With limit 1 only the last.
std::vector<std::int64_t> sample_places(std::int64_t count, std::int64_t limit);

// The steps of the points with steps from `from` to `to`, where that is plain: an ascending series whose steps are
// equally far apart. Its points are then one for each `first + i * stride`, i below `count`.
struct StepRange {
  std::int64_t first = 0;
  std::int64_t stride = 1;
  std::int64_t count = 0;
};
std::optional<StepRange> plain_steps(const Series& series, std::int64_t from, std::int64_t to);

}  // namespace millrace::tracking
