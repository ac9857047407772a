#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "triggers/trigger_spec.h"

namespace millrace::triggers {

// What may set a trigger off.
struct Cause {
  CauseKind kind = CauseKind::kManual;
  std::string subject;  // as in TriggerSpec
  Timestamp event_time;
  std::string key;  // of its kind: the event's id, the scheduled time, or what a caller gave
};

struct TriggerState {
  std::optional<Timestamp> last_fired;        // event time of the last firing
  std::optional<Timestamp> pipeline_started;  // event time at which any trigger last started the same pipeline
  std::optional<Timestamp> schedule_until;    // scheduled times up to this one are done with
};

struct Decision {
  bool fire = false;
  std::string reason;  // "alert delays_weekly.drift", or why not: "cooling down until 2001-04-02T00:00:00Z"
};

// Is this cause one that the trigger waits for?
bool concerns(const TriggerSpec& spec, const Cause& cause);

// Whether it fires. By hand a trigger fires always: also disabled, outside its span and cooling down.
Decision decide(const TriggerSpec& spec, const TriggerState& state, const Cause& cause);

// The scheduled causes at `now`, oldest first (at most 1000). A trigger whose state has no schedule_until has none: it
// starts to watch now.
std::vector<Cause> scheduled_causes(const TriggerSpec& spec, const TriggerState& state, Timestamp now);

}  // namespace millrace::triggers
