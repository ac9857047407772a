#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::events {

struct Event;  // events/event.h

struct LogOptions {
  int tries = 3;                                       // of a handler on one event, before the event is passed over
  Duration back_off = std::chrono::milliseconds{100};  // before the second try; doubles
};

struct Filter {
  std::string type;     // "" for all, "model_version.registered", or "model_version.*"
  std::string subject;  // "" for all
};

// The durable log of facts, and the one thread that tells consumers. Thread-safe.
//
// Every consumer gets every event of its types, in the log's order, at least once: its place in the log is kept in the
// database and moves on after its handler returned. Events are handled one at a time, an event by all its consumers (in
// the order of subscription) before the next event. A handler may publish. A handler that fails is tried again; after
// the last try the failure is logged and the event passed over.
class Log {
 public:
  using Handler = std::function<Result<void>(const Event&)>;

  static Result<std::unique_ptr<Log>> open(db::Database& database, LogOptions options = {});
  ~Log();

  // Adds an event, of whoever this thread acts for (base/actor.h), that is there for readers and consumers when `tx`
  // commits. Answers its id.
  Result<std::int64_t> publish(db::Transaction& tx, std::string type, std::string subject, Timestamp event_time,
                               const Json& data);

  // In the log's order, after the event `after` (0: from the first). The next page is after the last one's id.
  Result<std::vector<Event>> list(std::int64_t after, int limit, const Filter& filter = {}) const;

  // Newest first, before the event `before` (0: from the newest).
  Result<std::vector<Event>> list_newest(std::int64_t before, int limit, const Filter& filter = {}) const;

  // Before start(). `consumer` names the durable place; a consumer never seen before begins with the oldest event.
  // Types as in Filter; none means all. The handler runs on the dispatcher's thread.
  Result<void> subscribe(std::string consumer, std::vector<std::string> types, Handler handler);

  // Sets a consumer's place, so that the events after `after` are handled (again). Before start().
  Result<void> replay(const std::string& consumer, std::int64_t after);

  void start();
  // Returns when the running handler has.
  void stop();
  // Looks at the log again; only needed for events that another process wrote.
  void notify();

  // True when every consumer has handled every event there is and no publishing transaction is open. Exact: false from
  // before an event's commit is visible until the last consumer's handler returned and its place is kept.
  bool idle() const;
  // Blocks until idle() is true; false after `timeout`, and once the log is stopped with events left.
  bool wait_idle(Duration timeout) const;

  // The id of the newest event; 0 in an empty log.
  std::int64_t newest() const;

 private:
  struct Consumer {
    std::string name;
    std::vector<std::string> types;
    Handler handler;
    std::int64_t position = 0;  // under mutex_
  };
  struct Span {
    std::int64_t after;
    std::int64_t until;
  };

  Log(db::Database& database, LogOptions options, std::int64_t newest);
  void committed(std::int64_t id);
  void rolled_back();

  // The dispatcher's thread (dispatch.cc).
  void run();
  bool wait_for_work(Span& span);
  Result<void> dispatch(Span span);
  bool advance(Consumer& consumer, const Event& event);
  bool handle(const Consumer& consumer, const Event& event);
  Result<void> keep(const std::string& consumer, std::int64_t position);
  Result<void> keep_all();
  void pass(std::int64_t position);
  void pause(Duration duration) const;
  bool stopping() const;
  std::int64_t position_of(const Consumer& consumer) const;

  bool idle_locked() const;

  db::Database& database_;
  const LogOptions options_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Consumer> consumers_;  // fixed once started
  std::int64_t newest_ = 0;          // the newest committed event
  int publishing_ = 0;               // events published in transactions that have not ended
  bool stopping_ = false;
  std::jthread thread_;
};

}  // namespace millrace::events
