#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "triggers/decide.h"
#include "triggers/firing.h"
#include "triggers/trigger_spec.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
struct Event;
class Log;
}  // namespace millrace::events

namespace millrace::triggers {

// The start of a pipeline. The same key starts one run, however often it is asked for.
struct StartRequest {
  std::string pipeline;
  std::map<std::string, std::string> params;  // JSON text by name
  std::string key;
  Timestamp event_time;
  std::string cause;  // "trigger:on_drift"
  std::string reason;
};

struct TriggerInfo {
  TriggerSpec spec;
  TriggerState state;
  std::optional<Timestamp> next;  // of a schedule
  std::int64_t started = 0;
};

struct Foundation {
  db::Database& db;
  events::Log& events;
  std::function<Result<std::string>(const StartRequest&)> start;  // answers the run's id
};

// The triggers of a project. A cause starts its pipeline exactly once: the firing is recorded before the start, the
// start bears the firing's key, and a firing found pending is started again. Thread-safe; causes are taken one at a
// time.
//
// The order of firings is the order of the calls (events as the log numbers them); within one call, by the cause's
// event time, then by the trigger's name.
class Triggers {
 public:
  static Result<std::unique_ptr<Triggers>> open(Foundation foundation);

  // From now on there are these triggers and no others. Known ones keep their state; a new or changed schedule counts
  // from `now`, or from the first advance() where that is not given or is 1970-01-01: the clock does not run yet.
  Result<void> apply(const std::vector<TriggerSpec>& specs, std::optional<Timestamp> now);

  // The types of events that on_event() wants.
  static std::vector<std::string> event_types();

  // Takes an event of the log; the same one again changes nothing. A start that fails for a lasting reason
  // (kInvalidArgument, kNotFound, kFailedPrecondition...) is recorded; one that may pass (kUnavailable,
  // kResourceExhausted...) stays pending and is the error.
  Result<void> on_event(const events::Event& event);

  // The clock has come to `now`: starts what is pending, then fires the schedules.
  Result<void> advance(Timestamp now);

  // Starts the firings that were recorded and not started, also by an earlier process.
  Result<void> resume();

  // Fires by hand, whatever the trigger's state. `params` (JSON text by name) stand over the trigger's own. The same
  // key again answers the first firing.
  Result<Firing> fire(const std::string& trigger, const std::map<std::string, std::string>& params,
                      const std::string& key, Timestamp event_time);

  Result<TriggerInfo> find_trigger(const std::string& name) const;  // kNotFound with the nearest name
  Result<std::vector<TriggerInfo>> list_triggers() const;           // by name
  // Newest first, those with an id below `before` (0: all). `trigger` "" is all.
  Result<std::vector<Firing>> list_firings(const std::string& trigger, std::int64_t before, int limit) const;

 private:
  explicit Triggers(Foundation foundation) : foundation_(std::move(foundation)) {}
  std::map<std::string, TriggerSpec> specs() const;
  Result<TriggerSpec> spec_of(const std::string& name) const;
  Result<Firing> take(const TriggerSpec& spec, const Cause& cause, const std::map<std::string, std::string>& params);
  Result<Firing> start(Firing firing);
  Result<void> finish(const Firing& firing);
  Result<void> start_pending();

  Foundation foundation_;
  mutable std::mutex specs_mutex_;
  std::map<std::string, TriggerSpec> specs_;
  std::mutex causes_mutex_;  // taken before specs_mutex_
};

}  // namespace millrace::triggers
