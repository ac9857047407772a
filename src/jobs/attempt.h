#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "jobs/job.h"
#include "proc/proc.h"

namespace millrace::jobs {

// What others ask of an attempt that runs.
enum class Request { kNone, kCancel, kStop };

struct AttemptResult {
  Outcome outcome = Outcome::kRunning;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string error;
  std::int64_t max_rss_bytes = 0;
};

// A failure that is no exit of the command, e.g. that it cannot be started.
AttemptResult failed_attempt(std::string error);

struct AttemptLimits {
  Duration timeout{0};  // 0: none
  Duration kill_grace{0};
};

// Runs the command as a child until it ends, runs out of time, or `request` asks for its end. Its output is appended to
// `log`.
AttemptResult run_attempt(proc::Spawner& spawner, const Command& command, const std::filesystem::path& log,
                          AttemptLimits limits, const std::atomic<Request>& request);

}  // namespace millrace::jobs
