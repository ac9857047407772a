#include "tracking/tracking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "events/event.h"
#include "lineage/graph.h"
#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(TrackingTest, TheDefaultExperimentIsAlwaysThere) {
  EXPECT_EQ(MUST(store->find_experiment("0")).name, "Default");
  EXPECT_EQ(MUST(store->find_experiment_by_name("Default")).id, "0");
  EXPECT_EQ(MUST(store->create_run({})).experiment_id, "0");
}

TEST_F(TrackingTest, ExperimentsHaveNamesOfTheirOwn) {
  const Experiment made = MUST(store->create_experiment({.name = "delays", .tags = {{"team", "ops"}}}));
  EXPECT_EQ(made.id, "1");
  EXPECT_EQ(made.creation_time.us, 1'000'000);
  ASSERT_EQ(made.tags.size(), 1U);
  EXPECT_EQ(made.tags[0].value, "ops");
  EXPECT_EQ(made.artifact_location, "mlflow-artifacts:/1");
  EXPECT_EQ(store->create_experiment({.name = "delays"}).error().message, "Experiment(name=delays) already exists.");
  MUST(store->delete_experiment("1"));
  EXPECT_EQ(store->create_experiment({.name = "delays"}).error().code, Code::kAlreadyExists);
  EXPECT_EQ(store->create_experiment({}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->find_experiment("abc").error().message,
            "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.");
  EXPECT_EQ(store->find_experiment("7").error().message, "No Experiment with id=7 exists");
  EXPECT_EQ(store->rename_experiment("1", "other").error().code, Code::kFailedPrecondition);
  MUST(store->restore_experiment("1"));
  EXPECT_EQ(store->rename_experiment("1", "Default").error().code, Code::kAlreadyExists);
  MUST(store->rename_experiment("1", "delays"));
  EXPECT_EQ(store->rename_experiment("9", "x").error().code, Code::kNotFound);
}

TEST_F(TrackingTest, ExperimentsArePaged) {
  const auto by_id = [](int most, std::string token = {}) {
    return tracking::Search{.order_by = {"experiment_id DESC"}, .max_results = most, .page_token = std::move(token)};
  };
  for (int i = 0; i < 4; ++i) MUST(store->create_experiment({.name = fmt::format("e{}", i)}));
  MUST(store->delete_experiment("2"));
  const auto first = MUST(store->search_experiments(by_id(3)));
  ASSERT_EQ(first.items.size(), 3U);
  EXPECT_EQ(first.items[0].id, "4");
  const auto second = MUST(store->search_experiments(by_id(3, first.next)));
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].id, "0");
  EXPECT_EQ(second.next, "");
  EXPECT_EQ(MUST(store->search_experiments({.view = View::kDeletedOnly})).items.size(), 1U);
  EXPECT_EQ(MUST(store->search_experiments({.view = View::kAll})).items.size(), 5U);
  EXPECT_EQ(store->search_experiments({.page_token = "x"}).error().code, Code::kInvalidArgument);
}

TEST_F(TrackingTest, ARunIsKeptWhole) {
  const tracking::Run made = MUST(store->create_run({.experiment = "delays", .name = "first", .tags = {{"a", "b"}}}));
  EXPECT_EQ(made.experiment_id, "1");
  EXPECT_EQ(made.status, RunStatus::kRunning);
  EXPECT_EQ(made.start_time.us, 1'000'000);
  EXPECT_EQ(made.artifact_uri, "mlflow-artifacts:/1/" + made.id + "/artifacts");
  EXPECT_EQ(tag(made, "a"), "b");
  EXPECT_EQ(tag(made, "mlflow.runName"), "first");
  MUST(store->log_batch(made.id, {.metrics = {{"loss", 0.5, Timestamp{7}, 3}}, .params = {{"depth", "6"}}}));
  const tracking::Run run = MUST(store->find_run(made.id));
  ASSERT_EQ(run.metrics.size(), 1U);
  EXPECT_EQ(run.metrics[0].value, 0.5);
  EXPECT_EQ(run.metrics[0].timestamp.us, 7);
  EXPECT_EQ(run.metrics[0].step, 3);
  ASSERT_EQ(run.params.size(), 1U);
  EXPECT_EQ(run.params[0].value, "6");
  EXPECT_EQ(store->find_run("nope").error().message, "Run with id=nope not found");
}

TEST_F(TrackingTest, ARunWithoutANameGetsOneFromItsId) {
  EXPECT_THAT(MUST(store->create_run({})).name, ::testing::MatchesRegex("[a-z]+-[a-z]+-[0-9]+"));
  EXPECT_EQ(MUST(store->create_run({.tags = {{"mlflow.runName", "tagged"}}})).name, "tagged");
  EXPECT_EQ(store->create_run({.name = "a", .tags = {{"mlflow.runName", "b"}}}).error().code, Code::kInvalidArgument);
}

TEST_F(TrackingTest, TheSameKeyMakesOneRun) {
  const tracking::Run first = MUST(store->create_run({.name = "a", .key = "step:1"}));
  const tracking::Run again = MUST(store->create_run({.name = "b", .key = "step:1"}));
  EXPECT_EQ(first.id, again.id);
  EXPECT_EQ(again.name, "a");
  EXPECT_NE(MUST(store->create_run({})).id, MUST(store->create_run({})).id);
}

TEST_F(TrackingTest, AnEndIsPublishedOnce) {
  const std::string id = MUST(store->create_run({.experiment = "delays", .name = "r"})).id;
  clock.advance(Duration{5});
  EXPECT_EQ(MUST(store->finish(id, RunStatus::kFinished)).end_time, Timestamp{1'000'005});
  clock.advance(Duration{5});
  EXPECT_EQ(MUST(store->finish(id, RunStatus::kFinished)).end_time, Timestamp{1'000'005});
  const auto list = MUST(events->list(0, 10));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].type, "run.finished");
  EXPECT_EQ(list[0].subject, id);
  EXPECT_EQ(list[0].data, (Json{{"experiment", "delays"}, {"name", "r"}, {"status", "FINISHED"}}));
  EXPECT_EQ(MUST(store->update_run(id, {.status = RunStatus::kRunning})).end_time, std::nullopt);
}

TEST_F(TrackingTest, ARenamedRunHasItsNameInItsTag) {
  const std::string id = MUST(store->create_run({.name = "old"})).id;
  const tracking::Run run = MUST(store->update_run(id, {.name = "new"}));
  EXPECT_EQ(run.name, "new");
  EXPECT_EQ(tag(run, "mlflow.runName"), "new");
  EXPECT_EQ(run.status, RunStatus::kRunning);
}

TEST_F(TrackingTest, ARunIsAnExecutionOfTheLineage) {
  const std::string id = MUST(store->create_run({.name = "r"})).id;
  const auto graph = MUST(lineage->walk("run:" + id, lineage::Direction::kUpstream));
  EXPECT_EQ(graph.nodes.front().name, "r");
}

TEST_F(TrackingTest, TheLatestMetricHasTheGreatestStepThenTimeThenValue) {
  const std::string id = MUST(store->create_run({})).id;
  MUST(store->log_batch(id, {.metrics = {{"m", 1, Timestamp{50}, 2}, {"m", 9, Timestamp{99}, 1}}}));
  EXPECT_EQ(latest(id, "m").value, 1);
  MUST(store->log_batch(id, {.metrics = {{"m", 2, Timestamp{60}, 2}}}));
  EXPECT_EQ(latest(id, "m").value, 2);
  MUST(store->log_batch(id, {.metrics = {{"m", 3, Timestamp{60}, 2}, {"m", 2.5, Timestamp{60}, 2}}}));
  EXPECT_EQ(latest(id, "m").value, 3);
}

TEST_F(TrackingTest, ValuesThatAreNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string id = MUST(store->create_run({})).id;
  MUST(store->log_batch(id, {.metrics = {{"nan", std::nan("")}, {"up", kInfinity}, {"down", -kInfinity}}}));
  EXPECT_TRUE(std::isnan(latest(id, "nan").value));
  EXPECT_EQ(latest(id, "up").value, std::numeric_limits<double>::max());
  EXPECT_EQ(latest(id, "down").value, std::numeric_limits<double>::lowest());
  EXPECT_TRUE(std::isnan(MUST(store->metric_history(id, "nan", {})).items.at(0).value));
}

TEST_F(TrackingTest, AHistoryIsOrderedPagedAndWithoutDoubles) {
  const std::string id = MUST(store->create_run({})).id;
  for (int repeat = 0; repeat < 2; ++repeat) {
    MUST(store->log_batch(id, {.metrics = {{"m", 3, Timestamp{3}}, {"m", 1, Timestamp{1}}, {"m", 2, Timestamp{2}}}}));
  }
  const auto first = MUST(store->metric_history(id, "m", {.limit = 2}));
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[1].value, 2);
  const auto second = MUST(store->metric_history(id, "m", {.limit = 2, .after = first.next}));
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].value, 3);
  EXPECT_EQ(second.next, "");
  EXPECT_THAT(MUST(store->metric_history(id, "other", {})).items, IsEmpty());
}

TEST_F(TrackingTest, AParamIsWrittenOnceAndABatchIsAllOrNothing) {
  const std::string id = MUST(store->create_run({})).id;
  MUST(store->log_batch(id, {.params = {{"a", "1"}}}));
  MUST(store->log_batch(id, {.params = {{"a", "1"}, {"b", "2"}}}));
  const Error error =
      store->log_batch(id, {.metrics = {{"m", 1}}, .params = {{"c", "3"}, {"a", "2"}}, .tags = {{"t", "x"}}}).error();
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_EQ(
      error.message,
      "Changing param values is not allowed. Params were already logged='[{'key': 'a', 'old_value': '1', 'new_value': "
      "'2'}]' for run ID='" +
          id + "'.");
  const tracking::Run run = MUST(store->find_run(id));
  EXPECT_EQ(run.params.size(), 2U);
  EXPECT_THAT(run.metrics, IsEmpty());
  EXPECT_EQ(tag(run, "t"), "none");
}

TEST_F(TrackingTest, TagsOverwriteAndGo) {
  const std::string id = MUST(store->create_run({})).id;
  MUST(store->log_batch(id, {.tags = {{"t", "1"}}}));
  MUST(store->log_batch(id, {.tags = {{"t", "2"}}}));
  EXPECT_EQ(tag(MUST(store->find_run(id)), "t"), "2");
  MUST(store->delete_tag(id, "t"));
  EXPECT_EQ(tag(MUST(store->find_run(id)), "t"), "none");
  EXPECT_EQ(store->delete_tag(id, "t").error().code, Code::kNotFound);
}

TEST_F(TrackingTest, LongValuesAreCutByCharacters) {
  const std::string id = MUST(store->create_run({})).id;
  std::string accents;
  for (int i = 0; i < 6001; ++i) accents += "é";
  MUST(store->log_batch(id, {.params = {{"p", accents}}, .tags = {{"t", std::string(8001, 'x')}}}));
  const tracking::Run run = MUST(store->find_run(id));
  EXPECT_EQ(run.params[0].value.size(), 12'000U);
  EXPECT_EQ(tag(run, "t").size(), 8000U);
}

TEST_F(TrackingTest, KeysAreChecked) {
  const std::string id = MUST(store->create_run({})).id;
  for (const char* key : {"", "a\"b", "../x", "a//b", "/a", ".", "a/", "a\nb", "a,b"}) {
    EXPECT_EQ(batch_fault(id, {.metrics = {{key, 1}}}), Code::kInvalidArgument) << key;
  }
  MUST(store->log_batch(id, {.metrics = {{"val/loss_1.x-y z:é", 1}, {std::string(250, 'k'), 1}}}));
  EXPECT_EQ(batch_fault(id, {.metrics = {{std::string(251, 'k'), 1}}}), Code::kInvalidArgument);
  EXPECT_EQ(batch_fault(id, {.metrics = {{"m", 1, Timestamp{-1}}}}), Code::kInvalidArgument);
  EXPECT_EQ(batch_fault(id, {.params = {{"p", "1"}, {"p", "1"}}}), Code::kInvalidArgument);
  EXPECT_EQ(batch_fault("nope", {}), Code::kNotFound);
}

TEST_F(TrackingTest, ADeletedRunIsHiddenAndCannotChange) {
  const std::string id = MUST(store->create_run({})).id;
  MUST(store->delete_run(id));
  EXPECT_EQ(batch_fault(id, {.metrics = {{"m", 1}}}), Code::kFailedPrecondition);
  EXPECT_EQ(store->finish(id, RunStatus::kFailed).error().code, Code::kFailedPrecondition);
  EXPECT_THAT(MUST(store->search_runs({})).items, IsEmpty());
  EXPECT_EQ(MUST(store->search_runs({{.view = View::kDeletedOnly}})).items.at(0).deleted_time, clock.now());
  MUST(store->restore_run(id));
  EXPECT_EQ(MUST(store->search_runs({})).items.at(0).deleted_time, std::nullopt);
  EXPECT_EQ(store->delete_run("nope").error().code, Code::kNotFound);
}

TEST_F(TrackingTest, ADeletedExperimentTakesItsRunsWithIt) {
  const std::string id = MUST(store->create_run({.experiment = "delays"})).id;
  MUST(store->delete_experiment("1"));
  EXPECT_EQ(MUST(store->find_run(id)).lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(store->create_run({.experiment = "delays"}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(store->delete_experiment("1").error().code, Code::kNotFound);
  MUST(store->restore_experiment("1"));
  EXPECT_EQ(MUST(store->find_run(id)).lifecycle_stage, LifecycleStage::kActive);
}

TEST_F(TrackingTest, RunsArePagedNewestFirst) {
  for (int i = 0; i < 5; ++i) {
    MUST(store->create_run(
        {.experiment = i % 2 == 0 ? "even" : "odd", .name = std::to_string(i), .start_time = Timestamp{i / 2 * 10}}));
  }
  std::vector<std::string> names;
  tracking::RunSearch page{{.max_results = 2}};
  do {
    const auto runs = MUST(store->search_runs(page));
    for (const tracking::Run& run : runs.items) names.push_back(run.name);
    page.page_token = runs.next;
  } while (!page.page_token.empty());
  EXPECT_EQ(names.size(), 5U);
  EXPECT_EQ(names.front(), "4");
  EXPECT_THAT(std::vector(names.begin() + 1, names.begin() + 3), ::testing::UnorderedElementsAre("2", "3"));
  EXPECT_EQ(MUST(store->search_runs({.experiment_ids = {{"1"}}})).items.size(), 3U);
  EXPECT_EQ(store->search_runs({{.page_token = "nonsense"}}).error().code, Code::kInvalidArgument);
}

TEST_F(TrackingTest, ThreadsWithOneKeyMakeOneRun) {
  std::vector<std::string> made(4);
  std::vector<std::thread> threads;
  for (std::string& id : made) {
    threads.emplace_back([&] { id = MUST(store->create_run({.key = "k"})).id; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(made, ::testing::Each(made[0]));
}

}  // namespace
}  // namespace millrace::tracking
