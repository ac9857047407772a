#include "serving/request_meter.h"

#include <algorithm>

namespace millrace::serving {

LatencyReading& LatencyReading::operator+=(const LatencyReading& other) {
  total += other.total;
  for (std::size_t i = 0; i < kPhases; ++i) phases[i] += other.phases[i];
  return *this;
}

void LatencyCounts::add(const PhaseTimes& times) {
  total_.add(times.all());
  const std::array<std::uint64_t, kPhases> each = {times.queue, times.input, times.infer, times.output};
  for (std::size_t i = 0; i < kPhases; ++i) {
    if (each[i] != 0) phases_[i].add(each[i]);
  }
}

LatencyReading LatencyCounts::read() const {
  LatencyReading reading{.total = total_.read(), .phases = {}};
  std::ranges::transform(phases_, reading.phases.begin(), &TimeCounts::read);
  return reading;
}

void RequestMeter::add_success(std::size_t rows, const PhaseTimes& times) {
  Shard& shard = shards_.mine();
  shard.rows.fetch_add(rows, std::memory_order_relaxed);
  shard.by_code[0].get().add(times);
}

RequestMeter::Reading RequestMeter::read() const {
  Reading reading;
  std::array<std::optional<LatencyReading>, kCodes> by_code;
  shards_.visit_all([&](const Shard& shard) {
    reading.rows += shard.rows.load(std::memory_order_relaxed);
    for (std::size_t code = 0; code < kCodes; ++code) {
      const LatencyCounts* counts = shard.by_code[code].find();
      if (counts == nullptr) continue;
      if (!by_code[code]) by_code[code].emplace();
      *by_code[code] += counts->read();
    }
  });
  for (std::size_t code = 0; code < kCodes; ++code) {
    if (!by_code[code]) continue;
    reading.by_code.push_back({code == 0 ? std::nullopt : std::optional(static_cast<Code>(code)), *by_code[code]});
  }
  return reading;
}

LatencyReading RequestMeter::Reading::answered() const {
  return by_code.empty() || by_code.front().code ? LatencyReading{} : by_code.front().latency;
}

std::uint64_t RequestMeter::Reading::failures() const {
  std::uint64_t failures = 0;
  for (const auto& [code, latency] : by_code) failures += code ? latency.total.count() : 0;
  return failures;
}

}  // namespace millrace::serving
