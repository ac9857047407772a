#include "delivery/event_clock.h"

#include <boost/describe.hpp>
#include <thread>

#include "db/db.h"
#include "delivery/bandits.h"
#include "events/events.h"
#include "monitoring/monitoring.h"
#include "pipelines/pipelines.h"
#include "triggers/triggers.h"

namespace millrace::delivery {
namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
  create table clock (
    id integer primary key check (id = 1),
    mode text not null,
    now integer not null
  ) strict;
  insert into clock (id, mode, now) values (1, 'wall', 0);
)sql"}};

struct ClockRow {
  ClockMode mode = ClockMode::kWall;
  std::int64_t now = 0;
};
BOOST_DESCRIBE_STRUCT(ClockRow, (), (mode, now))

constexpr auto kEventPatience = std::chrono::minutes(1);
constexpr auto kPollInterval = std::chrono::milliseconds(1);

}  // namespace

std::string_view to_text(ClockMode mode) { return mode == ClockMode::kWall ? "wall" : "event"; }

bool from_text(std::string_view text, ClockMode& mode) {
  if (text != "wall" && text != "event") return false;
  mode = text == "wall" ? ClockMode::kWall : ClockMode::kEvent;
  return true;
}

Result<std::unique_ptr<EventClock>> EventClock::open(db::Database& database, const Clock& wall) {
  TRY(db::migrate(database, "clock", kMigrations));
  auto row = TRY(database.query<ClockRow>("select mode, now from clock")).at(0);
  std::unique_ptr<EventClock> clock(new EventClock(database, wall));
  clock->mode_ = row.mode;
  clock->now_us_ = row.now;
  return clock;
}

Result<void> EventClock::set_mode(ClockMode mode) {
  if (mode == this->mode()) return {};
  TRY(database_.execute("update clock set mode = ?", mode));
  mode_.store(mode, std::memory_order_release);
  return {};
}

Timestamp EventClock::now() const {
  return mode() == ClockMode::kWall ? wall_.now() : Timestamp{now_us_.load(std::memory_order_acquire)};
}

Result<void> EventClock::set(Timestamp time) {
  if (mode() == ClockMode::kWall)
    return failed_precondition("the clock is the wall clock; a project with `clock: event` has one that can be moved");
  if (time < now())
    return invalid_argument("the clock stands at {} and does not go back to {}", format_time(now()), format_time(time));
  TRY(database_.execute("update clock set now = ?", time));
  now_us_.store(time.us, std::memory_order_release);
  return {};
}

Result<void> Conductor::advance(Timestamp time) {
  std::lock_guard lock(mutex_);
  TRY(parts_.clock.set(time));
  return take_effect(time);
}

Result<void> Conductor::catch_up() {
  std::lock_guard lock(mutex_);
  return take_effect(parts_.clock.now());
}

// What the windows raised has reached the triggers before schedules are looked at: their order must not be left to
// chance.
Result<void> Conductor::take_effect(Timestamp now) {
  TRY(parts_.monitors.advance(now));
  TRY(parts_.bandits.advance(now));
  parts_.events.wait_idle(kEventPatience);
  return parts_.triggers.advance(now);
}

Result<bool> Conductor::settled() {
  auto newest = parts_.events.newest();
  if (!parts_.events.idle() || TRY(parts_.pipelines.active()) > 0) return false;
  return parts_.events.newest() == newest;
}

Result<bool> Conductor::wait_settled(Duration timeout) {
  auto until = std::chrono::steady_clock::now() + timeout;
  while (!TRY(settled())) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  return true;
}

}  // namespace millrace::delivery
