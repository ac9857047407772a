#include "tracking/retention_rules.h"

#include <fmt/format.h>

namespace millrace::tracking {

namespace {

std::string age(Timestamp since, Timestamp now) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(now - since);
  return days.count() > 0 ? fmt::format("{}d", days.count()) : format_duration(now - since);
}

}  // namespace

Result<std::optional<Duration>> retention_time(std::string_view key, std::string_view value) {
  if (value == "never") return std::nullopt;
  const auto time = parse_duration(value);
  if (time && time->count() > 0) return *time;
  return invalid_argument("Invalid value '{}' for tag '{}': it must be a time like 30d or 12h, or never.", value, key);
}

std::string_view to_text(Fate fate) {
  switch (fate) {
    case Fate::kKeep:
      return "keep";
    case Fate::kDelete:
      return "delete";
    case Fate::kErase:
      return "erase";
  }
  return "";
}

Judgement judge(const RunFacts& run, const RetentionRules& rules, Timestamp now) {
  const auto& rule = run.deleted ? rules.erase_deleted_after : rules.delete_runs_after;
  const Timestamp since = run.deleted.value_or(run.ended);
  const bool runs_still = !run.deleted && run.status == RunStatus::kRunning;
  if (!rule || runs_still || now - since <= *rule) return {};
  if (!run.needed_by.empty()) return {Fate::kKeep, fmt::format("{} needs it", run.needed_by)};
  return {run.deleted ? Fate::kErase : Fate::kDelete,
          fmt::format("{} {} ago; the rule is {}", run.deleted ? "deleted" : "ended", age(since, now),
                      format_duration(*rule))};
}

}  // namespace millrace::tracking
