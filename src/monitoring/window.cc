#include "monitoring/window.h"

#include <algorithm>

namespace millrace::monitoring {
namespace {

constexpr Duration kWeek = std::chrono::days{7};
constexpr Duration kFirstMonday = std::chrono::days{4};  // 1970-01-05

std::int64_t floor_multiple(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - rest - (rest < 0 ? step : 0);
}

}  // namespace

Window window_of(Timestamp time, Duration length) {
  const std::int64_t origin = length % kWeek == Duration{0} ? kFirstMonday.count() : 0;
  const Timestamp start{floor_multiple(time.us - origin, length.count()) + origin};
  return {start, start + length};
}

Timestamp newest_due_end(Duration window, Duration label_wait, Timestamp now) {
  return window_of(now - label_wait, window).start;
}

std::vector<Window> due_windows(const DueInput& input, Timestamp now, std::size_t limit) {
  if (!input.first_prediction) return {};
  Window next = window_of(*input.first_prediction, input.window);
  if (input.computed_until && *input.computed_until > next.start) {
    next = window_of(*input.computed_until, input.window);
    if (next.start < *input.computed_until) next = {next.end, next.end + input.window};  // the length was changed
  }
  std::vector<Window> due;
  for (; next.end + input.label_wait <= now && due.size() < limit; next = {next.end, next.end + input.window}) {
    due.push_back(next);
  }
  return due;
}

}  // namespace millrace::monitoring
