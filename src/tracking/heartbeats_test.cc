#include "tracking/heartbeats.h"

#include <gmock/gmock.h>

#include "events/event.h"
#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using std::chrono::minutes;
using ::testing::HasSubstr;

class HeartbeatsTest : public TrackingTest {
 protected:
  void SetUp() override {
    TrackingTest::SetUp();
    store = MUST(Store::open({*database, *lineage, *events, clock, ids,
                              [this](auto experiment, auto run) { heartbeats->note(experiment, run); }}));
    heartbeats = std::make_unique<Heartbeats>(*database, *store, wall);
    MUST(store->create_experiment({.name = "watched", .tags = {{std::string(kHeartbeatTag), "10m"}}}));
    EXPECT_EQ(MUST(heartbeats->end_silent_runs()), 0);
  }
  int after(Duration time) {
    wall.advance(time);
    return MUST(heartbeats->end_silent_runs());
  }
  RunStatus status(const std::string& id) { return MUST(store->find_run(id)).status; }

  ManualClock wall{Timestamp{1'000'000'000'000}};
  std::unique_ptr<Heartbeats> heartbeats;
};

TEST_F(HeartbeatsTest, ARunOfWhichNothingIsHeardIsEndedWhenItWasLastHeardOf) {
  const std::string id = MUST(store->create_run({.experiment = "watched"})).id;
  EXPECT_EQ(after(minutes(1)), 0);
  MUST(store->log_batch(id, {.metrics = {{"m", 1}}}));
  const Timestamp last = wall.now();
  EXPECT_EQ(after(minutes(10)), 0);
  EXPECT_EQ(after(minutes(1)), 1);
  const tracking::Run run = MUST(store->find_run(id));
  EXPECT_EQ(run.status, RunStatus::kFailed);
  EXPECT_EQ(run.end_time, last);
  EXPECT_THAT(tag(run, std::string(kSilentTag)), HasSubstr("nothing was heard of it for 10m"));
  EXPECT_EQ(MUST(events->list(0, 10)).size(), 1U);
  EXPECT_EQ(after(minutes(60)), 0);
  MUST(store->finish(id, RunStatus::kFinished));
  EXPECT_EQ(status(id), RunStatus::kFinished);
}

TEST_F(HeartbeatsTest, EveryChangeIsASignOfLife) {
  const std::string id = MUST(store->create_run({.experiment = "watched"})).id;
  EXPECT_EQ(after(minutes(1)), 0);
  const std::vector<std::function<void()>> changes = {
      [&] { MUST(store->set_tag(id, {"a", "b"})); }, [&] { MUST(store->delete_tag(id, "a")); },
      [&] { MUST(store->update_run(id, {.name = "n"})); }, [&] { MUST(store->log_inputs(id, {}, {"m-1"})); },
      [&] { MUST(store->log_outputs(id, {{"m-1", 0}})); }};
  for (const auto& change : changes) {
    change();
    EXPECT_EQ(after(minutes(9)), 0);
  }
  EXPECT_EQ(after(minutes(2)), 1);
}

TEST_F(HeartbeatsTest, OnlyRunningRunsOfExperimentsThatAskForItEnd) {
  const std::string other = MUST(store->create_run({})).id;
  const std::string finished = MUST(store->create_run({.experiment = "watched"})).id;
  const std::string deleted = MUST(store->create_run({.experiment = "watched"})).id;
  MUST(store->finish(finished, RunStatus::kFinished));
  MUST(store->delete_run(deleted));
  after(minutes(1));
  EXPECT_EQ(after(minutes(100)), 0);
  EXPECT_EQ(status(other), RunStatus::kRunning);
  EXPECT_EQ(status(deleted), RunStatus::kRunning);
}

TEST_F(HeartbeatsTest, TheTagIsChecked) {
  EXPECT_EQ(store->set_experiment_tag("1", {std::string(kHeartbeatTag), "soon"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->set_experiment_tag("1", {std::string(kHeartbeatTag), "0s"}).error().code, Code::kInvalidArgument);
  const std::string id = MUST(store->create_run({.experiment = "watched"})).id;
  after(minutes(1));
  MUST(store->delete_experiment_tag("1", kHeartbeatTag));
  EXPECT_EQ(after(minutes(100)), 0);
  EXPECT_EQ(status(id), RunStatus::kRunning);
}

}  // namespace
}  // namespace millrace::tracking
