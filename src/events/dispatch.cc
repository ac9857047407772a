#include <algorithm>
#include <exception>

#include "base/log.h"
#include "db/db.h"
#include "events/event.h"
#include "events/events.h"
#include "events/pattern.h"

namespace millrace::events {

namespace {

constexpr int kBatch = 256;
constexpr Duration kPauseAfterFault = std::chrono::seconds{1};

Result<void> write_place(db::Transaction& tx, const std::string& consumer, std::int64_t position) {
  TRY(tx.execute(R"sql(
insert into event_consumers (name, position)
values (?, ?)
on conflict (name) do update set position = excluded.position where event_consumers.position <> excluded.position
)sql",
                 consumer, position));
  return {};
}

Result<void> call(const Log::Handler& handler, const Event& event) {
  try {
    return handler(event);
  } catch (const std::exception& exception) {
    return internal_error("{}", exception.what());
  }
}

void report(const Result<void>& status) {
  if (!status) log::error("the place in the event log cannot be kept", {{"error", status.error().message}});
}

}  // namespace

void Log::run() {
  Span span{};
  while (wait_for_work(span)) {
    if (const auto status = dispatch(span); !status) {
      log::error("the event log cannot be worked on; trying again", {{"error", status.error().message}});
      pause(kPauseAfterFault);
    }
  }
  report(keep_all());
}

// Waits until some consumer is behind; false when the log is to stop.
bool Log::wait_for_work(Span& span) {
  std::unique_lock lock(mutex_);
  const auto behind = [&] { return std::ranges::any_of(consumers_, [&](auto& c) { return c.position < newest_; }); };
  changed_.wait(lock, [&] { return stopping_ || behind(); });
  if (stopping_) return false;
  span.until = newest_;
  span.after = std::ranges::min(consumers_, {}, &Consumer::position).position;
  return true;
}

Result<void> Log::dispatch(Span span) {
  const std::vector<Event> events = TRY(list(span.after, kBatch));
  for (const Event& event : events) {
    for (Consumer& consumer : consumers_) {
      if (!advance(consumer, event)) return {};
    }
    pass(event.id);
  }
  if (events.size() == kBatch) return keep_all();
  pass(span.until);  // an id may be missing before it
  return {};
}

// Brings a consumer past an event. False when the log is to stop first.
bool Log::advance(Consumer& consumer, const Event& event) {
  if (position_of(consumer) >= event.id || !wants(consumer.types, event.type)) return true;
  if (!handle(consumer, event)) return false;
  // A place that cannot be kept now, on a full disk say, is kept with a later one.
  report(keep(consumer.name, event.id));
  const std::lock_guard lock(mutex_);
  consumer.position = event.id;
  return true;
}

// False when the log is to stop before the event was handled or given up. While the database is away no event is given
// up: nothing else could have been expected of the handler.
bool Log::handle(const Consumer& consumer, const Event& event) {
  Duration back_off = options_.back_off;
  for (int attempt = 1;; ++attempt, back_off *= 2) {
    if (stopping()) return false;
    const auto status = call(consumer.handler, event);
    if (status) return true;
    if (status.error().code == Code::kUnavailable && !database_.query<int>("select 1")) {
      attempt = 0;
      back_off = std::min(back_off, kPauseAfterFault);
    }
    log::error(attempt < options_.tries ? "an event's handler failed; trying again"
                                        : "an event's handler failed; the event is passed over",
               {{"consumer", consumer.name},
                {"event", std::to_string(event.id)},
                {"type", event.type},
                {"subject", event.subject},
                {"error", status.error().message}});
    if (attempt >= options_.tries) return true;
    pause(back_off);
  }
}

// Relaxed: a place that a loss of power takes back only makes its events come again.
Result<void> Log::keep(const std::string& consumer, std::int64_t position) {
  db::Transaction tx = TRY(database_.begin(db::Durability::kRelaxed));
  TRY(write_place(tx, consumer, position));
  return tx.commit();
}

// Also the places of those who have long had nothing to handle.
Result<void> Log::keep_all() {
  db::Transaction tx = TRY(database_.begin(db::Durability::kRelaxed));
  for (const Consumer& consumer : consumers_) TRY(write_place(tx, consumer.name, position_of(consumer)));
  return tx.commit();
}

// Every consumer has had the events up to `position`.
void Log::pass(std::int64_t position) {
  const std::lock_guard lock(mutex_);
  for (Consumer& consumer : consumers_) consumer.position = std::max(consumer.position, position);
  changed_.notify_all();
}

void Log::pause(Duration duration) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, duration, [&] { return stopping_; });
}

bool Log::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::int64_t Log::position_of(const Consumer& consumer) const {
  const std::lock_guard lock(mutex_);
  return consumer.position;
}

}  // namespace millrace::events
