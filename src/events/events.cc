#include "events/events.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <limits>
#include <utility>

#include "base/actor.h"
#include "base/log.h"
#include "db/db.h"
#include "events/event.h"
#include "events/pattern.h"

namespace millrace::events {

namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
create table events (
  id integer primary key autoincrement,
  type text not null,
  subject text not null,
  event_time integer not null,
  data text not null
) strict;
create index events_by_type on events (type, id);

create table event_consumers (
  name text primary key,
  position integer not null
) strict, without rowid;
)sql"},
                                         {2, R"sql(
alter table events add column who text not null default '';
)sql"}};

constexpr int kMaxList = 1000;

struct EventRow {
  std::int64_t id = 0;
  std::string type;
  std::string subject;
  Timestamp event_time;
  std::string who;
  std::string data;
};
BOOST_DESCRIBE_STRUCT(EventRow, (), (id, type, subject, event_time, who, data))

Result<std::vector<Event>> to_events(std::vector<EventRow> rows) {
  std::vector<Event> events;
  for (EventRow& row : rows) {
    events.push_back({row.id, std::move(row.type), std::move(row.subject), row.event_time, std::move(row.who),
                      TRY(parse_json(row.data))});
  }
  return events;
}

enum class Order { kOldestFirst, kNewestFirst };

// ?1: the id to begin after, ?2: the type or its prefix, ?3: the subject, ?4: the limit.
std::string select_sql(Order order, bool prefix) {
  return fmt::format(R"sql(
select id, type, subject, event_time, who, data
from events
where id {} ?1 and {} and (?3 = '' or subject = ?3)
order by id {}
limit ?4
)sql",
                     order == Order::kOldestFirst ? ">" : "<",
                     prefix ? "substr(type, 1, length(?2)) = ?2" : "type = ?2",
                     order == Order::kOldestFirst ? "asc" : "desc");
}

Result<std::vector<Event>> select(db::Database& database, Order order, std::int64_t from, int limit,
                                  const Filter& filter) {
  const TypePattern pattern(filter.type);
  const std::string sql = select_sql(order, pattern.is_prefix());
  return to_events(
      TRY(database.query<EventRow>(sql, from, pattern.text(), filter.subject, std::clamp(limit, 1, kMaxList))));
}

}  // namespace

Log::Log(db::Database& database, LogOptions options, std::int64_t newest)
    : database_(database), options_(options), newest_(newest) {}

Log::~Log() { stop(); }

Result<std::unique_ptr<Log>> Log::open(db::Database& database, LogOptions options) {
  TRY(db::migrate(database, "events", kMigrations));
  const auto newest = TRY(database.query<std::int64_t>("select coalesce(max(id), 0) from events"));
  return std::unique_ptr<Log>(new Log(database, options, newest.front()));
}

Result<std::int64_t> Log::publish(db::Transaction& tx, std::string type, std::string subject, Timestamp event_time,
                                  const Json& data) {
  const std::int64_t id =
      TRY(tx.insert("insert into events (type, subject, event_time, who, data) values (?, ?, ?, ?, ?) returning id",
                    type, subject, event_time, acting_for(), dump_json(data)));
  {
    const std::lock_guard lock(mutex_);
    ++publishing_;
  }
  tx.after_commit([this, id] { committed(id); });
  tx.after_rollback([this] { rolled_back(); });
  return id;
}

void Log::committed(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  --publishing_;
  newest_ = std::max(newest_, id);
  changed_.notify_all();
}

void Log::rolled_back() {
  const std::lock_guard lock(mutex_);
  --publishing_;
  changed_.notify_all();
}

Result<std::vector<Event>> Log::list(std::int64_t after, int limit, const Filter& filter) const {
  return select(database_, Order::kOldestFirst, after, limit, filter);
}

Result<std::vector<Event>> Log::list_newest(std::int64_t before, int limit, const Filter& filter) const {
  const std::int64_t from = before > 0 ? before : std::numeric_limits<std::int64_t>::max();
  return select(database_, Order::kNewestFirst, from, limit, filter);
}

Result<void> Log::subscribe(std::string consumer, std::vector<std::string> types, Handler handler) {
  const auto position =
      TRY(database_.query<std::int64_t>("select position from event_consumers where name = ?", consumer));
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) return internal_error("consumer {} subscribes after the log was started", consumer);
  if (std::ranges::find(consumers_, consumer, &Consumer::name) != consumers_.end()) {
    return already_exists("event consumer {} has subscribed already", consumer);
  }
  consumers_.push_back(
      {std::move(consumer), std::move(types), std::move(handler), position.empty() ? 0 : position.front()});
  return {};
}

Result<void> Log::replay(const std::string& consumer, std::int64_t after) {
  {
    const std::lock_guard lock(mutex_);
    if (thread_.joinable()) return failed_precondition("the event log runs; a replay is set up before its start");
    const auto found = std::ranges::find(consumers_, consumer, &Consumer::name);
    if (found == consumers_.end()) return not_found("there is no event consumer {}", consumer);
    found->position = after;
  }
  return keep_all();
}

void Log::start() {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) return;
  stopping_ = false;
  thread_ = std::jthread([this] { run(); });
}

void Log::stop() {
  std::jthread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Log::notify() {
  const auto newest = database_.query<std::int64_t>("select coalesce(max(id), 0) from events");
  if (!newest) return log::error("cannot read the event log", {{"error", newest.error().message}});
  const std::lock_guard lock(mutex_);
  newest_ = std::max(newest_, newest->front());
  changed_.notify_all();
}

bool Log::idle_locked() const {
  return publishing_ == 0 && std::ranges::all_of(consumers_, [&](const auto& c) { return c.position >= newest_; });
}

bool Log::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_locked();
}

bool Log::wait_idle(Duration timeout) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return stopping_ || idle_locked(); });
  return idle_locked();
}

std::int64_t Log::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

}  // namespace millrace::events
