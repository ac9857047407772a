#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
class Log;
}
namespace millrace::monitoring {
class Monitors;
}
namespace millrace::pipelines {
class Engine;
}
namespace millrace::triggers {
class Triggers;
}

namespace millrace::delivery {

class Bandits;

enum class ClockMode {
  kWall,   // event time is the machine's time
  kEvent,  // event time stands where the last advance() left it: a replay of history, or a test
};
std::string_view to_text(ClockMode mode);  // "wall", "event"
bool from_text(std::string_view text, ClockMode& mode);

// The event time of a server. It survives a restart and never goes back. Thread-safe.
class EventClock final : public Clock {
 public:
  static Result<std::unique_ptr<EventClock>> open(db::Database& database, const Clock& wall);

  ClockMode mode() const { return mode_.load(std::memory_order_acquire); }
  Result<void> set_mode(ClockMode mode);

  // In event mode before the first advance: 1970-01-01.
  Timestamp now() const override;

  // Event mode only (kFailedPrecondition). kInvalidArgument for a time before now().
  Result<void> set(Timestamp time);

 private:
  EventClock(db::Database& database, const Clock& wall) : database_(database), wall_(wall) {}

  db::Database& database_;
  const Clock& wall_;
  std::atomic<ClockMode> mode_ = ClockMode::kWall;
  std::atomic<std::int64_t> now_us_ = 0;
};

// Lets time have its effects: windows that close, schedules that come due; and says when all of them are over.
// Thread-safe.
class Conductor {
 public:
  struct Parts {
    EventClock& clock;
    events::Log& events;
    monitoring::Monitors& monitors;
    Bandits& bandits;
    triggers::Triggers& triggers;
    pipelines::Engine& pipelines;
  };
  explicit Conductor(Parts parts) : parts_(parts) {}

  // Moves the event clock and does what is due until then, once, in the order of event time.
  Result<void> advance(Timestamp time);

  // Does what is due by the clock's present time: after a start, and every second where the clock is the wall's.
  Result<void> catch_up();

  // Nothing is left to do before time moves on: every event handled, no pipeline run active.
  Result<bool> settled();
  // Waits for that; false after `timeout`.
  Result<bool> wait_settled(Duration timeout);

 private:
  Result<void> take_effect(Timestamp now);

  Parts parts_;
  std::mutex mutex_;
};

}  // namespace millrace::delivery
