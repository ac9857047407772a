#include "serving/request_statistics.h"

#include <algorithm>

namespace millrace::serving {
namespace {

void add(std::atomic<std::uint64_t>& number, std::uint64_t by) {
  if (by != 0) number.fetch_add(by, std::memory_order_relaxed);
}

std::uint64_t value(const std::atomic<std::uint64_t>& number) { return number.load(std::memory_order_relaxed); }

// The entry of so many rows.
BatchTotals& entry_of(std::vector<BatchTotals>& batches, std::size_t rows) {
  const auto found = std::ranges::find(batches, rows, &BatchTotals::rows);
  return found == batches.end() ? batches.emplace_back(BatchTotals{.rows = rows}) : *found;
}

}  // namespace

PhaseTimes& PhaseTimes::operator+=(const PhaseTimes& other) {
  queue += other.queue;
  input += other.input;
  infer += other.infer;
  output += other.output;
  return *this;
}

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
  Shard& shard = shards_.mine();
  shard.last_ms.store(now_ms, std::memory_order_relaxed);
  Batch& batch = shard.batch_of(rows);
  if (&batch == &shard.others) add(batch.rows, rows);
  batch.times.add(times);
}

void RequestStatistics::add_failure(std::uint64_t ns) {
  Shard& shard = shards_.mine();
  add(shard.failures, 1);
  add(shard.failure_ns, ns);
}

// `others` for no rows, and where all places are taken.
RequestStatistics::Batch& RequestStatistics::Shard::batch_of(std::size_t rows) {
  for (std::size_t i = 0; rows != 0 && i < kBatches; ++i) {
    Batch& batch = batches[(rows + i) % kBatches];
    std::size_t held = batch.rows.load(std::memory_order_relaxed);
    if (held == 0 && batch.rows.compare_exchange_strong(held, rows, std::memory_order_relaxed)) return batch;
    if (held == rows) return batch;
  }
  return others;
}

void RequestStatistics::add_up(const Shard& shard, RequestTotals& totals) {
  totals.last_ms = std::max(totals.last_ms, value(shard.last_ms));
  totals.failure.count += value(shard.failures);
  totals.failure.ns += value(shard.failure_ns);
  totals.success.count += value(shard.others.times.count);
  totals.times += shard.others.times.read();
  totals.rows += value(shard.others.rows);
  for (const Batch& batch : shard.batches) {
    const std::size_t rows = batch.rows.load(std::memory_order_relaxed);
    if (rows == 0) continue;
    const std::uint64_t count = value(batch.times.count);
    const PhaseTimes times = batch.times.read();
    BatchTotals& entry = entry_of(totals.batches, rows);
    entry.count += count;
    entry.times += times;
    totals.success.count += count;
    totals.times += times;
    totals.rows += rows * count;
  }
}

RequestTotals RequestStatistics::totals() const {
  RequestTotals totals;
  shards_.visit_all([&](const Shard& shard) { add_up(shard, totals); });
  totals.success.ns = totals.times.all();
  std::ranges::sort(totals.batches, {}, &BatchTotals::rows);
  return totals;
}

}  // namespace millrace::serving
