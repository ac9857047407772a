#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/time.h"

namespace millrace::replicas {

// A server's event clock, as its replica knows it: the wall clock, or the time that the server told last.
class FollowedClock final : public Clock {
 public:
  explicit FollowedClock(const Clock& wall) : wall_(wall) {}

  // None: it is the wall clock.
  void set(std::optional<Timestamp> event_time) { us_ = event_time ? event_time->us : kWall; }
  Timestamp now() const override {
    const std::int64_t us = us_.load(std::memory_order_relaxed);
    return us == kWall ? wall_.now() : Timestamp{us};
  }

 private:
  static constexpr std::int64_t kWall = std::numeric_limits<std::int64_t>::min();

  const Clock& wall_;
  std::atomic<std::int64_t> us_ = kWall;
};

}  // namespace millrace::replicas
