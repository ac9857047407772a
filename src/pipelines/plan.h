#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

enum class StepStatus { kPending, kRunning, kSucceeded, kFailed, kSkipped, kCancelled };
enum class RunStatus { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

// Lower-case names, as in tables and on the wire.
std::string_view to_text(StepStatus status);
std::string_view to_text(RunStatus status);
bool from_text(std::string_view text, StepStatus& status);
bool from_text(std::string_view text, RunStatus& status);
inline bool is_finished(RunStatus status) { return status != RunStatus::kQueued && status != RunStatus::kRunning; }

// A run that has begun, as plan() sees it.
struct Snapshot {
  struct Step {
    StepStatus status = StepStatus::kPending;
    std::vector<std::size_t> needs;
    bool cached = false;  // a step that is ready: an earlier result is there
  };
  std::vector<Step> steps;
  bool cancel_requested = false;
  int parallel = 0;  // steps that may run at once; 0: no limit
};

struct Action {
  enum class Kind {
    kStart,   // the step's process
    kReuse,   // the step's earlier result
    kSkip,    // the step: a step failed
    kCancel,  // the step: a running one is asked to end, a pending one is marked
    kFinish,  // the run, with `status`
  };
  Kind kind;
  std::size_t step = 0;
  RunStatus status = RunStatus::kRunning;
  bool operator==(const Action&) const = default;
};

// Is the step pending with all that it needs succeeded?
bool is_ready(const Snapshot& snapshot, std::size_t step);

// What to do next, in the order of the steps; nothing while there is only to wait. Pure.
std::vector<Action> plan(const Snapshot& snapshot);

// An unfinished run of a pipeline, and how many of that pipeline may run beside each other by its own document.
struct ActiveRun {
  RunStatus status = RunStatus::kQueued;
  int concurrency = 1;
};

// Of the active runs of one pipeline, oldest first: which of the queued ones begin now. None overtakes another.
std::vector<std::size_t> runs_to_begin(std::span<const ActiveRun> runs);

}  // namespace millrace::pipelines
