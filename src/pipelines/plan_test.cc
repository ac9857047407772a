#include "pipelines/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::pipelines {
namespace {

using enum StepStatus;
using Kind = Action::Kind;

// The letters of a run's steps: p(ending) r(unning) s(ucceeded) f(ailed) x (skipped) c(ancelled), and C: pending,
// cached.
Snapshot::Step step(char letter, std::vector<std::size_t> needs) {
  const std::string letters = "prsfxc";
  if (letter == 'C') return {.status = kPending, .needs = std::move(needs), .cached = true};
  return {.status = static_cast<StepStatus>(letters.find(letter)), .needs = std::move(needs)};
}

// 0 -> 1 -> 3, 0 -> 2 -> 3: a diamond.
Snapshot diamond(const std::string& letters) {
  return {.steps = {step(letters[0], {}), step(letters[1], {0}), step(letters[2], {0}), step(letters[3], {1, 2})}};
}

TEST(Plan, Decides) {
  struct Case {
    const char* name;
    const char* steps;
    bool cancel = false;
    int parallel = 0;
    std::vector<Action> expected;
  };
  const Case cases[] = {
      {"the first starts", "pppp", false, 0, {{Kind::kStart, 0}}},
      {"nothing while it runs", "rppp", false, 0, {}},
      {"both branches start", "sppp", false, 0, {{Kind::kStart, 1}, {Kind::kStart, 2}}},
      {"one at a time", "sppp", false, 1, {{Kind::kStart, 1}}},
      {"no room", "srpp", false, 1, {}},
      {"room beside one", "srpp", false, 2, {{Kind::kStart, 2}}},
      {"the join waits for both", "ssrp", false, 0, {}},
      {"the join starts", "sssp", false, 0, {{Kind::kStart, 3}}},
      {"cached is reused", "Cppp", false, 0, {{Kind::kReuse, 0}}},
      {"cached takes no room", "srCp", false, 1, {{Kind::kReuse, 2}}},
      {"cached but not ready", "pppC", false, 0, {{Kind::kStart, 0}}},
      {"cached and started", "sCpp", false, 0, {{Kind::kReuse, 1}, {Kind::kStart, 2}}},
      {"all succeeded", "ssss", false, 0, {{.kind = Kind::kFinish, .status = RunStatus::kSucceeded}}},
      {"a failure skips what waits", "sfrp", false, 0, {{Kind::kSkip, 3}}},
      {"a failure skips its siblings too", "sfpp", false, 0, {{Kind::kSkip, 2}, {Kind::kSkip, 3}}},
      {"the run waits for what runs", "sfrx", false, 0, {}},
      {"then fails", "sfsx", false, 0, {{.kind = Kind::kFinish, .status = RunStatus::kFailed}}},
      {"cancelling ends all that is not ended",
       "srpp",
       true,
       0,
       {{Kind::kCancel, 1}, {Kind::kCancel, 2}, {Kind::kCancel, 3}}},
      {"cancelled", "sccc", true, 0, {{.kind = Kind::kFinish, .status = RunStatus::kCancelled}}},
      {"cancelled while one failed", "sfcc", true, 0, {{.kind = Kind::kFinish, .status = RunStatus::kCancelled}}},
      {"too late to cancel", "ssss", true, 0, {{.kind = Kind::kFinish, .status = RunStatus::kSucceeded}}},
      {"one step's job was cancelled: the rest is skipped", "scpp", false, 0, {{Kind::kSkip, 2}, {Kind::kSkip, 3}}},
      {"and the run is cancelled", "scxx", false, 0, {{.kind = Kind::kFinish, .status = RunStatus::kCancelled}}},
      {"unless another failed", "scfx", false, 0, {{.kind = Kind::kFinish, .status = RunStatus::kFailed}}},
  };
  for (const Case& c : cases) {
    Snapshot snapshot = diamond(c.steps);
    snapshot.cancel_requested = c.cancel;
    snapshot.parallel = c.parallel;
    EXPECT_EQ(plan(snapshot), c.expected) << c.name;
  }
}

TEST(Plan, BeginsRunsInOrder) {
  using enum RunStatus;
  struct Case {
    const char* name;
    std::vector<ActiveRun> runs;
    std::vector<std::size_t> expected;
  };
  const Case cases[] = {
      {"none", {}, {}},
      {"the first", {{RunStatus::kQueued, 1}}, {0}},
      {"one at a time", {{RunStatus::kQueued, 1}, {RunStatus::kQueued, 1}}, {0}},
      {"while one runs", {{RunStatus::kRunning, 1}, {RunStatus::kQueued, 1}}, {}},
      {"two at once", {{RunStatus::kRunning, 2}, {RunStatus::kQueued, 2}, {RunStatus::kQueued, 2}}, {1}},
      {"none overtakes", {{RunStatus::kRunning, 1}, {RunStatus::kQueued, 1}, {RunStatus::kQueued, 2}}, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(runs_to_begin(c.runs), c.expected) << c.name;
}

TEST(Plan, NamesReadBack) {
  for (const StepStatus status : {kPending, kRunning, kSucceeded, kFailed, kSkipped, kCancelled}) {
    StepStatus back{};
    EXPECT_TRUE(from_text(to_text(status), back));
    EXPECT_EQ(back, status);
  }
  RunStatus run{};
  EXPECT_FALSE(from_text("done", run));
}

}  // namespace
}  // namespace millrace::pipelines
