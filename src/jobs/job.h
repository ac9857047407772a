#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace millrace::jobs {

using JobId = std::int64_t;

enum class Status { kQueued, kRunning, kSucceeded, kFailed, kCancelled, kTimedOut };

// "queued", "running", "succeeded", "failed", "cancelled", "timed_out": the names in tables and on the wire.
std::string_view to_text(Status status);
bool from_text(std::string_view text, Status& status);
inline bool is_finished(Status status) { return status != Status::kQueued && status != Status::kRunning; }

// How one attempt ended, or that it has not. `interrupted`: the server died or stopped under it.
enum class Outcome { kRunning, kSucceeded, kFailed, kTimedOut, kCancelled, kInterrupted };
std::string_view to_text(Outcome outcome);
bool from_text(std::string_view text, Outcome& outcome);

// An attempt that failed or timed out is followed by another, `retries` times, each after a longer pause.
struct RetryPolicy {
  int retries = 0;
  Duration first_delay = std::chrono::seconds(1);
  double factor = 2;
  Duration max_delay = std::chrono::minutes(5);
};

// A program to run in a child process.
struct Command {
  std::vector<std::string> argv;           // argv[0] is looked up in PATH
  std::map<std::string, std::string> env;  // added to the server's own
  std::filesystem::path cwd;               // empty: the server's
};

// The command that runs `text` by /bin/sh -c.
Command shell_command(std::string text);

struct JobSpec {
  std::string key;   // submitting one key twice gives one job
  std::string kind;  // chooses the hooks, e.g. "step"
  Command command;
  Duration timeout{0};  // of each attempt; 0: none
  RetryPolicy retry;
  std::string group;    // of jobs that share a limit; empty: none
  int group_limit = 0;  // at most so many jobs of the group run at once; 0: no limit
};

// A job as it stands; what it says of the end is of its newest attempt. Times are the machine's.
struct Job {
  JobId id = 0;
  JobSpec spec;
  Status status = Status::kQueued;
  int attempts = 0;  // begun so far, the interrupted ones among them
  int failures = 0;  // attempts that failed or timed out
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string error;   // why it failed, for a person
  std::string result;  // what Hooks::collect kept of the attempt that succeeded
  Timestamp submitted;
  std::optional<Timestamp> started;
  std::optional<Timestamp> finished;
  std::int64_t max_rss_bytes = 0;
  std::string log_uri;  // "file:..." of the newest attempt's log; empty before the first
};

struct Attempt {
  int number = 0;  // from 1
  Outcome outcome = Outcome::kRunning;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string error;
  Timestamp started;
  std::optional<Timestamp> finished;
  std::int64_t max_rss_bytes = 0;
  std::string log_uri;
};

}  // namespace millrace::jobs
