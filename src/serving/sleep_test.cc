#include "serving/sleep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "base/files.h"
#include "serving/home_for_tests.h"

namespace millrace::serving {
namespace {

using ::testing::HasSubstr;

constexpr Duration kMinute = std::chrono::minutes(1);

TEST(IdleWatchTest, CountsFromTheFirstLookAndFromEachChange) {
  IdleWatch watch;
  const auto at = [](std::int64_t seconds) { return Timestamp{seconds * 1'000'000}; };
  EXPECT_EQ(watch.look("e", 7, at(100)), Duration{0});
  EXPECT_EQ(watch.look("e", 7, at(160)), kMinute);
  EXPECT_EQ(watch.look("e", 8, at(170)), Duration{0});
  EXPECT_EQ(watch.look("other", 8, at(175)), Duration{0});
  EXPECT_EQ(watch.look("e", 8, at(230)), kMinute);
  watch.forget("e");
  watch.forget("unknown");
  EXPECT_EQ(watch.look("e", 8, at(300)), Duration{0});
}

class SleepTest : public ::testing::Test {
 protected:
  SleepTest() {
    home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
    MUST(endpoints_->apply(spec()));
    endpoints_->rest();
  }

  static EndpointSpec spec() {
    EndpointSpec spec{.name = "e", .model = "m"};
    spec.scoring.scale_to_zero = kMinute;
    return spec;
  }
  void pass(Duration time) {
    home_.clock.advance(time);
    endpoints_->rest();
  }
  bool sleeps() { return MUST(endpoints_->find("e")).asleep; }
  Result<InferAnswer> ask() { return endpoints_->infer("e", Row(0.5, -0.25).request()); }
  std::uint64_t cold_starts() { return MUST(endpoints_->find("e")).cold_starts; }

  Home home_;
  std::unique_ptr<Endpoints> endpoints_ = std::make_unique<Endpoints>(home_.parts());
};

TEST_F(SleepTest, AnEndpointThatNobodyAsksSleepsAndTheNextRequestWakesIt) {
  const auto before = values_of(MUST(ask()));
  pass(kMinute);
  EXPECT_FALSE(sleeps()) << "it was asked since the last look";
  pass(kMinute);
  ASSERT_TRUE(sleeps());
  const InferAnswer answer = MUST(ask());
  EXPECT_EQ(values_of(answer), before);
  EXPECT_EQ(answer.version, 1);
  EXPECT_FALSE(sleeps());
  EXPECT_EQ(cold_starts(), 1U);
  EXPECT_GT(MUST(endpoints_->find("e")).cold_start_seconds, 0);
  EXPECT_TRUE(endpoints_->infer_at_once("e", Row(1, 2).request())) << "what scores at once does so again";
}

TEST_F(SleepTest, OneWithoutTheKeyNeverSleeps) {
  EndpointSpec always = spec();
  always.scoring.scale_to_zero.reset();
  MUST(endpoints_->apply(always));
  pass(std::chrono::hours(1000));
  pass(std::chrono::hours(1000));
  EXPECT_FALSE(sleeps());
}

TEST_F(SleepTest, AsleepItLooksAsItDidAwake) {
  const EndpointStatus awake = MUST(endpoints_->find("e"));
  pass(kMinute);
  ASSERT_TRUE(sleeps());
  const EndpointStatus asleep = MUST(endpoints_->find("e"));
  EXPECT_EQ(asleep.version, awake.version);
  EXPECT_EQ(asleep.inputs, awake.inputs);
  EXPECT_EQ(asleep.outputs, awake.outputs);
  EXPECT_EQ(asleep.platform, "xgboost_mlmodel");
  EXPECT_EQ(asleep.problem, "");
  EXPECT_EQ(MUST(endpoints_->contract("e"))->version, 1);
  EXPECT_THAT(endpoints_->exposition(), HasSubstr("millrace_endpoint_asleep{endpoint=\"e\"} 1"));
  EXPECT_EQ(home_.changes.size(), 1U) << "no version came or went";
}

TEST_F(SleepTest, AnAliasThatMovesMeanwhileCountsAtTheWakeUp) {
  pass(kMinute);
  home_.set_alias("champion", home_.add_version(2, {"a", "b"}));
  MUST(endpoints_->refresh("m"));
  EXPECT_TRUE(sleeps());
  EXPECT_EQ(MUST(ask()).version, 2);
}

TEST_F(SleepTest, RequestsThatComeTogetherWakeItOnce) {
  pass(kMinute);
  constexpr int kThreads = 8;
  std::latch start(kThreads);
  std::atomic<int> answered = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (int j = 0; j < 20; ++j) answered += ask() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(answered, kThreads * 20);
  EXPECT_EQ(cold_starts(), 1U);
  MUST(endpoints_->commit_predictions("e"));
  EXPECT_EQ(MUST(home_.datasets->version("e.predictions")).rows, kThreads * 20U);
}

TEST_F(SleepTest, AVersionThatCannotBeLoadedAnyMoreIsSaidAndTriedAgain) {
  pass(kMinute);
  const auto version = MUST(home_.registry->find_version("m", 1));
  const auto file = MUST(home_.blobs->local_path(version.location())) / "model.ubj";
  const std::string bytes = MUST(read_file(file));
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  MUST(write_file(file, bytes.substr(0, 100)));
  const auto failed = ask();
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("endpoint e cannot be woken: model m version 1"));
  EXPECT_TRUE(sleeps());
  EXPECT_NE(MUST(endpoints_->find("e")).problem, "");
  MUST(write_file(file, bytes));
  EXPECT_EQ(MUST(ask()).version, 1);
  EXPECT_EQ(MUST(endpoints_->find("e")).problem, "");
}

TEST_F(SleepTest, AnAliasThatIsGoneAtTheWakeUpIsTheProblem) {
  pass(kMinute);
  MUST(home_.registry->delete_alias("m", "champion"));
  EXPECT_THAT(ask().error().message, HasSubstr("alias champion of model m is not set"));
}

TEST_F(SleepTest, UnloadingAndLoadingWork) {
  pass(kMinute);
  MUST(endpoints_->unload("e"));
  EXPECT_EQ(ask().error().code, Code::kUnavailable);
  pass(kMinute);
  pass(kMinute);
  EXPECT_FALSE(sleeps());
  MUST(endpoints_->load("e"));
  EXPECT_EQ(MUST(ask()).version, 1);
  pass(kMinute);
  pass(kMinute);
  EXPECT_TRUE(sleeps());
  MUST(endpoints_->remove("e"));
  EXPECT_EQ(ask().error().code, Code::kNotFound);
}

TEST_F(SleepTest, ACompositionSleepsWhole) {
  home_.set_alias("second", home_.add_version(2, {"b", "a"}));
  EndpointSpec both = spec();
  both.model = "";
  both.composition = {.members = {{.model = "m", .alias = "champion"}, {.model = "m", .alias = "second"}}};
  both.routes = {.arms = {{.name = "ensemble"}}};
  MUST(endpoints_->apply(both));
  const auto before = values_of(MUST(ask()));
  pass(kMinute);
  pass(kMinute);
  ASSERT_TRUE(sleeps());
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[0].members.size(), 2U);
  EXPECT_EQ(values_of(MUST(ask())), before);
}

}  // namespace
}  // namespace millrace::serving
