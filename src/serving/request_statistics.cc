#include "serving/request_statistics.h"

#include <algorithm>

namespace millrace::serving {
namespace {

void add(std::atomic<std::uint64_t>& number, std::uint64_t by) {
  if (by != 0) number.fetch_add(by, std::memory_order_relaxed);
}

std::uint64_t value(const std::atomic<std::uint64_t>& number) { return number.load(std::memory_order_relaxed); }

}  // namespace

void RequestStatistics::Times::add(const PhaseTimes& times) {
  serving::add(count, 1);
  serving::add(queue, times.queue);
  serving::add(input, times.input);
  serving::add(infer, times.infer);
  serving::add(output, times.output);
}

PhaseTimes RequestStatistics::Times::read() const {
  return {.queue = value(queue), .input = value(input), .infer = value(infer), .output = value(output)};
}

void RequestStatistics::add_success(std::size_t rows, const PhaseTimes& times, std::uint64_t now_ms) {
  times_.add(times);
  add(rows_, rows);
  last_ms_.store(now_ms, std::memory_order_relaxed);
  if (Batch* batch = batch_of(rows)) batch->times.add(times);
}

void RequestStatistics::add_failure(std::uint64_t ns) {
  add(failures_, 1);
  add(failure_ns_, ns);
}

// nullptr for no rows, and where all places are others'.
RequestStatistics::Batch* RequestStatistics::batch_of(std::size_t rows) {
  if (rows == 0) return nullptr;
  for (std::size_t i = 0; i < kBatches; ++i) {
    Batch& batch = batches_[(rows + i) % kBatches];
    std::size_t held = batch.rows.load(std::memory_order_relaxed);
    if (held == 0 && batch.rows.compare_exchange_strong(held, rows, std::memory_order_relaxed)) return &batch;
    if (held == rows) return &batch;
  }
  return nullptr;
}

RequestTotals RequestStatistics::totals() const {
  RequestTotals totals{.last_ms = value(last_ms_),
                       .rows = value(rows_),
                       .failure = {value(failures_), value(failure_ns_)},
                       .times = times_.read()};
  const PhaseTimes& times = totals.times;
  totals.success = {value(times_.count), times.queue + times.input + times.infer + times.output};
  for (const Batch& batch : batches_) {
    const std::size_t rows = batch.rows.load(std::memory_order_relaxed);
    if (rows != 0) totals.batches.push_back({rows, value(batch.times.count), batch.times.read()});
  }
  std::ranges::sort(totals.batches, {}, &BatchTotals::rows);
  return totals;
}

}  // namespace millrace::serving
