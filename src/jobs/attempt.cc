#include "jobs/attempt.h"

#include <chrono>
#include <utility>

namespace millrace::jobs {
namespace {

using Steady = std::chrono::steady_clock;

// How soon a request is seen; a child's own end is seen at once.
constexpr Duration kLook = std::chrono::milliseconds(50);

proc::Command child_command(const Command& command, const std::filesystem::path& log) {
  proc::Command child{.argv = command.argv, .cwd = command.cwd, .output_file = log};
  child.env.assign(command.env.begin(), command.env.end());
  return child;
}

// Why the child ended, and how.
std::pair<Outcome, proc::Exit> wait_for_end(proc::Child& child, AttemptLimits limits,
                                            const std::atomic<Request>& request) {
  const Steady::time_point begin = Steady::now();
  while (true) {
    if (auto exit = child.wait_for(kLook)) return {exit->ok() ? Outcome::kSucceeded : Outcome::kFailed, *exit};
    const Request asked = request.load();
    if (asked == Request::kCancel) return {Outcome::kCancelled, child.terminate(limits.kill_grace)};
    if (asked == Request::kStop) return {Outcome::kInterrupted, child.terminate(limits.kill_grace)};
    if (limits.timeout.count() > 0 && Steady::now() - begin >= limits.timeout) {
      return {Outcome::kTimedOut, child.terminate(limits.kill_grace)};
    }
  }
}

std::string error_text(Outcome outcome, const proc::Exit& exit, Duration timeout) {
  switch (outcome) {
    case Outcome::kFailed:
      return proc::describe(exit);
    case Outcome::kTimedOut:
      return fmt::format("timed out after {}", format_duration(timeout));
    case Outcome::kCancelled:
      return "cancelled";
    default:
      return "";
  }
}

}  // namespace

AttemptResult failed_attempt(std::string error) { return {.outcome = Outcome::kFailed, .error = std::move(error)}; }

AttemptResult run_attempt(proc::Spawner& spawner, const Command& command, const std::filesystem::path& log,
                          AttemptLimits limits, const std::atomic<Request>& request) {
  auto child = spawner.spawn(child_command(command, log));
  if (!child) return failed_attempt(child.error().message);

  const auto [outcome, exit] = wait_for_end(*child, limits, request);
  AttemptResult result{.outcome = outcome, .max_rss_bytes = exit.peak_rss_bytes};
  if (exit.signal != 0) {
    result.signal = exit.signal;
  } else {
    result.exit_code = exit.status;
  }
  result.error = error_text(outcome, exit, limits.timeout);
  return result;
}

}  // namespace millrace::jobs
