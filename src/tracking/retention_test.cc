#include "tracking/retention.h"

#include <gmock/gmock.h>

#include "events/event.h"
#include "tracking/folders.h"
#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kDay = hours(24);
constexpr Timestamp kNow{100 * 86'400'000'000};

struct Case {
  const char* name;
  RunFacts run;
  RetentionRules rules;
  Fate fate;
  const char* reason;
};

const Case kCases[] = {
    {"no rule", {.ended = {}}, {}, Fate::kKeep, ""},
    {"old", {.ended = kNow - 31 * kDay}, {30 * kDay, {}}, Fate::kDelete, "ended 31d ago; the rule is 30d"},
    {"not old yet", {.ended = kNow - 30 * kDay}, {30 * kDay, {}}, Fate::kKeep, ""},
    {"it runs", {RunStatus::kRunning, kNow - 31 * kDay, {}, {}}, {30 * kDay, {}}, Fate::kKeep, ""},
    {"old and needed",
     {.ended = kNow - 31 * kDay, .needed_by = "models:/m/1"},
     {30 * kDay, {}},
     Fate::kKeep,
     "models:/m/1 needs it"},
    {"deleted long ago",
     {.ended = {}, .deleted = kNow - 8 * kDay},
     {{}, 7 * kDay},
     Fate::kErase,
     "deleted 8d ago; the rule is 7d"},
    {"deleted lately", {.ended = {}, .deleted = kNow - hours(1)}, {kDay, 7 * kDay}, Fate::kKeep, ""},
    {"deleted while it ran",
     {RunStatus::kRunning, {}, kNow - 8 * kDay, {}},
     {{}, 7 * kDay},
     Fate::kErase,
     "deleted 8d ago; the rule is 7d"},
    {"deleted and needed",
     {.ended = {}, .deleted = kNow - 8 * kDay, .needed_by = "models:/m/1"},
     {{}, 7 * kDay},
     Fate::kKeep,
     "models:/m/1 needs it"},
};

TEST(RetentionRules, SayWhatBecomesOfARun) {
  for (const Case& c : kCases) {
    const Judgement judgement = judge(c.run, c.rules, kNow);
    EXPECT_EQ(judgement.fate, c.fate) << c.name;
    EXPECT_EQ(judgement.reason, c.reason) << c.name;
  }
}

class RetentionTest : public TrackingTest {
 protected:
  Retention retention() {
    return {*database, clock,
            Housekeeping({.database = *database,
                          .events = *events,
                          .clock = clock,
                          .ids = ids,
                          .remove = [&](std::string_view uri) -> Result<void> {
                            removed.emplace_back(uri);
                            return {};
                          },
                          .find_needs = [&]() -> Result<std::vector<Need>> { return needed; }})};
  }
  std::string ended_run(const std::string& experiment, const std::string& name) {
    const std::string id = MUST(store->create_run({.experiment_id = experiment, .name = name})).id;
    MUST(store->finish(id, RunStatus::kFinished));
    return id;
  }
  static std::vector<std::string> told(const Result<std::vector<RetentionItem>>& items) {
    std::vector<std::string> lines;
    for (const RetentionItem& item : MUST(items)) {
      lines.push_back(fmt::format("{} {} {}", to_text(item.fate), item.kind, item.name));
    }
    return lines;
  }
  std::vector<std::string> removed;
  std::vector<Need> needed;
};

TEST_F(RetentionTest, ARuleOfAFolderHoldsForWhatLiesInIt) {
  const std::string cats = MUST(store->create_experiment({.name = "vision/cats"})).id;
  const std::string dogs = MUST(store->create_experiment({.name = "vision/dogs"})).id;
  const std::string text = MUST(store->create_experiment({.name = "text"})).id;
  Folders settings(*database, clock);
  MUST(settings.set_tag("", {std::string(kEraseDeletedTag), "7d"}));
  MUST(settings.set_tag("vision", {std::string(kDeleteRunsTag), "30d"}));
  MUST(store->set_experiment_tag(dogs, {std::string(kDeleteRunsTag), "never"}));
  for (const auto& [experiment, name] : {std::pair(cats, "cat"), {dogs, "dog"}, {text, "word"}})
    ended_run(experiment, name);
  const std::string registered = ended_run(cats, "registered");
  needed = {{.who = "models:/m/1", .run_id = registered, .uri = {}}};
  EXPECT_THAT(told(retention().plan()), IsEmpty());
  clock.advance(31 * kDay);
  MUST(store->create_run({.experiment_id = cats, .name = "still runs"}));
  EXPECT_THAT(told(retention().plan()), ElementsAre("delete run cat", "keep run registered"));
  EXPECT_THAT(told(retention().apply()), ElementsAre("delete run cat"));
  EXPECT_THAT(removed, IsEmpty()) << "it can be restored";
  clock.advance(8 * kDay);
  EXPECT_THAT(told(retention().apply()), ElementsAre("erase run cat"));
  EXPECT_EQ(removed.size(), 1U);
  EXPECT_THAT(told(retention().apply()), IsEmpty());
}

TEST_F(RetentionTest, ADeletedExperimentGoesWithItsLastRunAndItIsTold) {
  const std::string experiment = MUST(store->create_experiment({.name = "e"})).id;
  MUST(store->set_experiment_tag(experiment, {std::string(kEraseDeletedTag), "1d"}));
  const std::string run = ended_run(experiment, "r");
  MUST(store->delete_experiment(experiment));
  clock.advance(2 * kDay);
  EXPECT_THAT(told(retention().plan()), ElementsAre("erase run r", "erase experiment e"));
  MUST(retention().apply());
  EXPECT_EQ(store->find_experiment(experiment).error().code, Code::kNotFound);
  std::vector<std::string> types;
  for (const events::Event& event : MUST(events->list(0, 100))) types.push_back(event.type);
  EXPECT_THAT(types, ElementsAre("run.finished", "run.erased", "experiment.erased"));
}

TEST_F(RetentionTest, ATimeThatIsNoneIsRefused) {
  for (const char* wrong : {"", "soon", "-1d", "0s", "30"}) {
    const auto set = store->set_experiment_tag("0", {std::string(kDeleteRunsTag), wrong});
    EXPECT_THAT(set.error().message, HasSubstr("it must be a time like 30d or 12h, or never")) << wrong;
  }
}

}  // namespace
}  // namespace millrace::tracking
