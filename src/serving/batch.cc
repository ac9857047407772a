#include "serving/batch.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::serving {
namespace {

constexpr double kNearBest = 0.9;

double rows_per_second(const BatchTiming& timing) {
  return static_cast<double>(timing.rows) * 1e9 / static_cast<double>(std::max<std::int64_t>(timing.time.count(), 1));
}

std::string time_text(std::chrono::nanoseconds time) {
  const auto microseconds = static_cast<double>(time.count()) / 1e3;
  return microseconds < 1000 ? fmt::format("{:.0f} us", microseconds) : fmt::format("{:.1f} ms", microseconds / 1e3);
}

// "1 row takes 2.6 ms, 8 rows 2.7 ms, 32 rows 3.1 ms"
std::string timings_text(const std::vector<BatchTiming>& timings) {
  std::string text;
  for (const auto& timing : timings) {
    text += fmt::format("{}{} row{} {}", text.empty() ? "" : ", ", timing.rows, timing.rows == 1 ? " takes" : "s",
                        time_text(timing.time));
  }
  return text;
}

// The smallest batch that comes near the best rate.
const BatchTiming& best_of(const std::vector<BatchTiming>& timings) {
  const double best = rows_per_second(*std::ranges::max_element(timings, {}, rows_per_second));
  return *std::ranges::find_if(timings, [&](const auto& t) { return rows_per_second(t) >= kNearBest * best; });
}

BatchPlan alone(std::string reason) { return {.reason = std::move(reason) + "; each request is scored alone"}; }

}  // namespace

BatchDecision decide_batch(std::span<const WaitingRequest> queue, const BatchLimits& limits, Moment now) {
  BatchDecision decision;
  std::size_t rows = 0;
  Moment oldest = now;
  for (std::size_t i = 0; i < queue.size() && (i == 0 || rows < limits.max_rows); ++i) {
    if (queue[i].kind != queue[0].kind || (i > 0 && rows + queue[i].rows > limits.max_rows)) continue;
    decision.take.push_back(i);
    rows += queue[i].rows;
    oldest = std::min(oldest, queue[i].since);
  }
  decision.wait_until = oldest + limits.max_delay;
  if (rows < limits.max_rows && decision.wait_until > now) decision.take.clear();
  return decision;
}

BatchPlan plan_batches(const BatchMeasurement& measured, const BatchWish& wish) {
  if (wish.max_size == 1) return alone("the endpoint's document says max_size: 1");
  const BatchLimits wished{static_cast<std::size_t>(wish.max_size.value_or(1)), wish.max_delay.value_or(Duration{0})};
  if (measured.timings.empty()) {
    if (!wish.max_size) return alone(fmt::format("not measured: {}", measured.problem));
    return {wished, fmt::format("not measured: {}; up to {} rows are scored together, as the document says",
                                measured.problem, wished.max_rows)};
  }
  const BatchTiming& best = best_of(measured.timings);
  const double gain = rows_per_second(best) / rows_per_second(measured.timings.front());
  const auto times = timings_text(measured.timings);
  if (gain < kWorthwhile) return alone(fmt::format("{}: batches do not pay", times));
  const BatchLimits limits{wish.max_size ? wished.max_rows : best.rows, wished.max_delay};
  return {limits, fmt::format("{}: a batch of {} scores {:.1f} times as many rows a second; up to {} rows are scored "
                              "together",
                              times, best.rows, gain, limits.max_rows)};
}

}  // namespace millrace::serving
