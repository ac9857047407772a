#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace millrace::triggers {

enum class FiringStatus {
  kPending,  // recorded, not yet started
  kStarted,
  kFailed,   // the pipeline could not be started
  kSkipped,  // the trigger decided against it
};
std::string_view to_text(FiringStatus status);  // "pending", "started", "failed", "skipped"
bool from_text(std::string_view text, FiringStatus& status);

// A cause that concerned a trigger, and what came of it.
struct Firing {
  std::int64_t id = 0;
  std::string trigger;
  std::string key;  // of the cause, e.g. "event:17", "schedule:2001-04-01T00:00:00Z", "manual:KEY"
  Timestamp event_time;
  FiringStatus status = FiringStatus::kPending;
  std::string reason;  // the cause, or why it was skipped
  std::string pipeline;
  std::string params;  // JSON object
  std::string run;     // the pipeline run; empty unless started
  std::string error;   // why the start failed
};
BOOST_DESCRIBE_STRUCT(Firing, (), (id, trigger, key, event_time, status, reason, pipeline, params, run, error))

}  // namespace millrace::triggers
