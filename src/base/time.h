#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// A length of time in microseconds.
using Duration = std::chrono::microseconds;

// A moment: microseconds since 1970-01-01T00:00:00Z. Naive times are UTC.
struct Timestamp {
  std::int64_t us = 0;

  auto operator<=>(const Timestamp&) const = default;
  Timestamp operator+(Duration d) const { return {us + d.count()}; }
  Timestamp operator-(Duration d) const { return {us - d.count()}; }
  Duration operator-(Timestamp other) const { return Duration{us - other.us}; }
};

// "2001-03-01T06:00:00Z"; with a fraction of six digits only where there is one.
std::string format_time(Timestamp time);

// "2001-03-01", "2001-03-01T06:00", "2001-03-01 06:00:00.25", with an optional "Z" or "+02:00".
Result<Timestamp> parse_time(std::string_view text);

// "90s", "15m", "3h", "7d", "2w" (also "ms" and "us"); a negative sign is allowed.
Result<Duration> parse_duration(std::string_view text);

// The shortest exact form that parse_duration reads: "7d", "36h", "90s".
std::string format_duration(Duration duration);

// Where a module learns the time; no module reads the wall clock itself. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

// The machine's clock.
class WallClock final : public Clock {
 public:
  Timestamp now() const override;
};

// A clock that stands still until it is set; for tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = {}) : now_us_(start.us) {}
  Timestamp now() const override { return {__atomic_load_n(&now_us_, __ATOMIC_ACQUIRE)}; }
  void set(Timestamp time) { __atomic_store_n(&now_us_, time.us, __ATOMIC_RELEASE); }
  void advance(Duration by) { set(now() + by); }

 private:
  std::int64_t now_us_;
};

}  // namespace millrace
