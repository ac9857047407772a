#include "pipelines/plan.h"

#include <algorithm>
#include <array>

namespace millrace::pipelines {
namespace {

constexpr std::array<std::string_view, 6> kStepNames = {"pending", "running", "succeeded",
                                                        "failed",  "skipped", "cancelled"};
constexpr std::array<std::string_view, 5> kRunNames = {"queued", "running", "succeeded", "failed", "cancelled"};

template <typename Enum>
bool find_name(std::span<const std::string_view> names, std::string_view text, Enum& out) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return false;
  out = static_cast<Enum>(found - names.begin());
  return true;
}

int count(const Snapshot& snapshot, StepStatus status) {
  return static_cast<int>(std::ranges::count(snapshot.steps, status, &Snapshot::Step::status));
}

RunStatus final_status(const Snapshot& snapshot) {
  if (count(snapshot, StepStatus::kSucceeded) == static_cast<int>(snapshot.steps.size())) return RunStatus::kSucceeded;
  if (snapshot.cancel_requested || count(snapshot, StepStatus::kFailed) == 0) return RunStatus::kCancelled;
  return RunStatus::kFailed;
}

std::vector<Action> on_each(const Snapshot& snapshot, Action::Kind kind, std::initializer_list<StepStatus> statuses) {
  std::vector<Action> actions;
  for (std::size_t i = 0; i < snapshot.steps.size(); ++i) {
    if (std::ranges::find(statuses, snapshot.steps[i].status) != statuses.end()) actions.push_back({kind, i});
  }
  return actions;
}

std::vector<Action> go_on(const Snapshot& snapshot) {
  std::vector<Action> actions;
  int running = count(snapshot, StepStatus::kRunning);
  for (std::size_t i = 0; i < snapshot.steps.size(); ++i) {
    if (!is_ready(snapshot, i)) continue;
    if (snapshot.steps[i].cached) {
      actions.push_back({Action::Kind::kReuse, i});
    } else if (snapshot.parallel == 0 || running < snapshot.parallel) {
      actions.push_back({Action::Kind::kStart, i});
      ++running;
    }
  }
  return actions;
}

}  // namespace

std::string_view to_text(StepStatus status) { return kStepNames.at(static_cast<std::size_t>(status)); }
std::string_view to_text(RunStatus status) { return kRunNames.at(static_cast<std::size_t>(status)); }
bool from_text(std::string_view text, StepStatus& status) { return find_name(kStepNames, text, status); }
bool from_text(std::string_view text, RunStatus& status) { return find_name(kRunNames, text, status); }

bool is_ready(const Snapshot& snapshot, std::size_t step) {
  const Snapshot::Step& state = snapshot.steps[step];
  return state.status == StepStatus::kPending && std::ranges::all_of(state.needs, [&](std::size_t need) {
           return snapshot.steps[need].status == StepStatus::kSucceeded;
         });
}

std::vector<Action> plan(const Snapshot& snapshot) {
  const int pending = count(snapshot, StepStatus::kPending);
  const int running = count(snapshot, StepStatus::kRunning);
  if (pending + running == 0) return {{.kind = Action::Kind::kFinish, .status = final_status(snapshot)}};
  if (snapshot.cancel_requested) {
    return on_each(snapshot, Action::Kind::kCancel, {StepStatus::kPending, StepStatus::kRunning});
  }
  const bool broken = count(snapshot, StepStatus::kFailed) + count(snapshot, StepStatus::kCancelled) > 0;
  if (broken) return on_each(snapshot, Action::Kind::kSkip, {StepStatus::kPending});
  return go_on(snapshot);
}

std::vector<std::size_t> runs_to_begin(std::span<const ActiveRun> runs) {
  int running = static_cast<int>(std::ranges::count(runs, RunStatus::kRunning, &ActiveRun::status));
  std::vector<std::size_t> begin;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].status != RunStatus::kQueued) continue;
    if (running >= runs[i].concurrency) break;
    begin.push_back(i);
    ++running;
  }
  return begin;
}

}  // namespace millrace::pipelines
