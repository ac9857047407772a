#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/sharded.h"
#include "serving/request_statistics.h"
#include "serving/time_counts.h"

namespace millrace::serving {

// The phases of PhaseTimes as metrics tell them, in the order in which a request comes through them.
enum class Phase : std::uint8_t { kQueue, kFeatures, kCompute, kLog };
inline constexpr std::size_t kPhases = 4;

inline constexpr std::size_t kCodes = 17;  // Code's values, and 0 for no error

struct LatencyReading {
  TimeReading total;
  std::array<TimeReading, kPhases> phases;  // by Phase; of the requests that came so far

  LatencyReading& operator+=(const LatencyReading& other);
};

// How long requests took, in all and in each phase. Thread-safe, without a lock.
class LatencyCounts {
 public:
  void add(const PhaseTimes& times);
  LatencyReading read() const;

 private:
  TimeCounts total_;
  std::array<TimeCounts, kPhases> phases_;
};

// Counts the requests that one version answers as one arm of an endpoint, by the code of the answer. Thread-safe,
// without a lock, and without a cache line that two of a server's loops write to.
class RequestMeter {
 public:
  void add_success(std::size_t rows, const PhaseTimes& times);
  // The times as far as the request came.
  void add_failure(Code code, const PhaseTimes& times) { shards_.mine().of(code).add(times); }

  struct ByCode {
    std::optional<Code> code;  // none: the request was answered
    LatencyReading latency;
  };
  struct Reading {
    std::uint64_t rows = 0;       // answered
    std::vector<ByCode> by_code;  // those that came; answered ones first

    LatencyReading answered() const;
    std::uint64_t failures() const;
  };
  Reading read() const;

 private:
  struct Shard {
    std::atomic<std::uint64_t> rows{0};
    std::array<Lazy<LatencyCounts>, kCodes> by_code;
    LatencyCounts& of(Code code) { return by_code[static_cast<std::size_t>(code)].get(); }
  };
  Sharded<Shard> shards_;
};

}  // namespace millrace::serving
