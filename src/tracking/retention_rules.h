#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"

namespace millrace::tracking {

// What is said of retention, by tags of an experiment or of a folder that it lies in: a time like "30d", or "never",
// with which an experiment takes itself out of its folder's rule.
inline constexpr std::string_view kDeleteRunsTag = "millrace.retention.delete_runs_after";
inline constexpr std::string_view kEraseDeletedTag = "millrace.retention.erase_deleted_after";

constexpr bool is_retention_tag(std::string_view key) { return key == kDeleteRunsTag || key == kEraseDeletedTag; }

// None for "never"; kInvalidArgument for what is neither.
Result<std::optional<Duration>> retention_time(std::string_view key, std::string_view value);

struct RetentionRules {
  std::optional<Duration> delete_runs_after;    // that ended so long ago
  std::optional<Duration> erase_deleted_after;  // what was deleted so long ago
};

struct RunFacts {
  RunStatus status = RunStatus::kFinished;
  Timestamp ended;                   // or begun, where no end is known
  std::optional<Timestamp> deleted;  // none: it is active
  std::string needed_by;             // "" for nobody
};

enum class Fate { kKeep, kDelete, kErase };
std::string_view to_text(Fate fate);

struct Judgement {
  Fate fate = Fate::kKeep;
  std::string reason;  // of a rule that applies: why the run goes, or why it is spared; else empty
};

Judgement judge(const RunFacts& run, const RetentionRules& rules, Timestamp now);

}  // namespace millrace::tracking
