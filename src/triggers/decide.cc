#include "triggers/decide.h"

#include <algorithm>

namespace millrace::triggers {
namespace {

constexpr std::size_t kMostAtOnce = 1000;

std::string describe(const TriggerSpec& spec, const Cause& cause) {
  if (cause.kind == CauseKind::kManual) return "by hand";
  if (cause.kind == CauseKind::kSchedule)
    return fmt::format("schedule \"{}\" at {}", spec.subject, format_time(cause.event_time));
  return fmt::format("{} {}", cause_name(cause.kind), cause.subject);
}

Cause scheduled(const TriggerSpec& spec, Timestamp time) {
  return {CauseKind::kSchedule, spec.subject, time, fmt::format("schedule:{}", format_time(time))};
}

}  // namespace

bool concerns(const TriggerSpec& spec, const Cause& cause) {
  return cause.kind == spec.cause && cause.subject == spec.subject;
}

Decision decide(const TriggerSpec& spec, const TriggerState& state, const Cause& cause) {
  if (cause.kind == CauseKind::kManual) return {true, describe(spec, cause)};
  if (!spec.enabled) return {false, "disabled"};
  if (spec.from && cause.event_time < *spec.from) return {false, fmt::format("before {}", format_time(*spec.from))};
  if (spec.until && cause.event_time >= *spec.until)
    return {false, fmt::format("not before {}", format_time(*spec.until))};
  if (state.pipeline_started && cause.event_time < *state.pipeline_started + spec.cooldown) {
    return {false, fmt::format("cooling down until {}", format_time(*state.pipeline_started + spec.cooldown))};
  }
  return {true, describe(spec, cause)};
}

std::vector<Cause> scheduled_causes(const TriggerSpec& spec, const TriggerState& state, Timestamp now) {
  if (!spec.cron || !spec.enabled || !state.schedule_until) return {};
  const Timestamp after = spec.from ? std::max(*state.schedule_until, *spec.from - Duration{1}) : *state.schedule_until;
  const Timestamp last = spec.until ? std::min(now, *spec.until - Duration{1}) : now;
  std::vector<Cause> causes;
  if (spec.catch_up == CatchUp::kNewest) {
    if (const auto time = spec.cron->last_until(last, after)) causes.push_back(scheduled(spec, *time));
    return causes;
  }
  for (auto time = spec.cron->next_after(after); time && *time <= last && causes.size() < kMostAtOnce;
       time = spec.cron->next_after(*time)) {
    causes.push_back(scheduled(spec, *time));
  }
  return causes;
}

}  // namespace millrace::triggers
