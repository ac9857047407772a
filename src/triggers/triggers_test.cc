#include "triggers/triggers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/event.h"
#include "events/events.h"

namespace millrace::triggers {
namespace {

using testing::ElementsAre;

Timestamp at(const char* text) { return MUST(parse_time(text)); }

TriggerSpec spec(const std::string& text) {
  Diagnostics diagnostics;
  const auto nodes = parse_yaml(text, "t.yaml", diagnostics);
  auto parsed = parse_trigger(nodes.at(0), diagnostics);
  EXPECT_TRUE(parsed) << (diagnostics.empty() ? "" : diagnostics.list[0].message);
  return *parsed;
}

TriggerSpec on_drift(const std::string& name = "on_drift") {
  return spec(fmt::format(
      "kind: Trigger\nname: {}\npipeline: retrain\non: {{alert: m.drift}}\ncooldown: 6d\nparams: {{weeks: 4}}", name));
}

TriggerSpec monthly(const std::string& name = "monthly") {
  return spec(fmt::format("kind: Trigger\nname: {}\npipeline: refresh\non: {{schedule: '0 0 1 * *'}}", name));
}

events::Event drift(std::int64_t id, const char* time) {
  return {.id = id, .type = "alert.raised", .subject = "m.drift", .event_time = at(time), .data = Json::object()};
}

// A home in a temporary folder, and pipelines that remember what was started.
class TriggersTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    triggers_.reset();
    log_.reset();
    db_.reset();
    db_ = db::open_for_test(folder_.path());
    log_ = MUST(events::Log::open(*db_));
    triggers_ = MUST(Triggers::open({*db_, *log_, [this](const StartRequest& request) { return start(request); }}));
  }

  Result<std::string> start(const StartRequest& request) {
    if (refusal_) return std::unexpected(*refusal_);
    started_.push_back(request);
    const auto [run, added] = runs_.emplace(request.key, fmt::format("run{}", runs_.size() + 1));
    return run->second;
  }

  std::vector<std::string> started_keys() const {
    std::vector<std::string> keys;
    for (const auto& request : started_) keys.push_back(request.key);
    return keys;
  }

  std::vector<std::string> published() const {
    std::vector<std::string> types;
    for (const auto& event : MUST(log_->list(0, 100))) types.push_back(event.type + " " + event.subject);
    return types;
  }

  TemporaryDirectory folder_;
  std::unique_ptr<db::Database> db_;
  std::unique_ptr<events::Log> log_;
  std::unique_ptr<Triggers> triggers_;
  std::vector<StartRequest> started_;
  std::map<std::string, std::string> runs_;
  std::optional<Error> refusal_;
};

TEST_F(TriggersTest, AnAlertStartsThePipelineOnce) {
  MUST(triggers_->apply({on_drift()}, std::nullopt));
  MUST(triggers_->on_event(drift(17, "2001-03-13")));
  MUST(triggers_->on_event(drift(17, "2001-03-13")));
  ASSERT_EQ(started_.size(), 1u);
  EXPECT_EQ(started_[0].pipeline, "retrain");
  EXPECT_EQ(started_[0].params.at("weeks"), "4");
  EXPECT_EQ(started_[0].key, "on_drift/event:17");
  EXPECT_EQ(started_[0].event_time, at("2001-03-13"));
  EXPECT_EQ(started_[0].cause, "trigger:on_drift");
  EXPECT_THAT(published(), ElementsAre("trigger.fired on_drift"));
  const auto firings = MUST(triggers_->list_firings("on_drift", 0, 10));
  ASSERT_EQ(firings.size(), 1u);
  EXPECT_EQ(firings[0].status, FiringStatus::kStarted);
  EXPECT_EQ(firings[0].run, "run1");
}

TEST_F(TriggersTest, EventsThatConcernNoTriggerAreNotRecorded) {
  MUST(triggers_->apply({on_drift()}, std::nullopt));
  MUST(triggers_->on_event({.id = 1, .type = "alert.raised", .subject = "m.decay", .data = Json::object()}));
  MUST(triggers_->on_event({.id = 2, .type = "run.finished", .subject = "m.drift", .data = Json::object()}));
  EXPECT_TRUE(MUST(triggers_->list_firings("", 0, 10)).empty());
}

TEST_F(TriggersTest, ACooldownIsRecordedWithItsReason) {
  MUST(triggers_->apply({on_drift()}, std::nullopt));
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  MUST(triggers_->on_event(drift(2, "2001-03-18")));
  MUST(triggers_->on_event(drift(3, "2001-03-19")));
  EXPECT_THAT(started_keys(), ElementsAre("on_drift/event:1", "on_drift/event:3"));
  const auto firings = MUST(triggers_->list_firings("on_drift", 0, 10));
  EXPECT_EQ(firings[1].status, FiringStatus::kSkipped);
  EXPECT_EQ(firings[1].reason, "cooling down until 2001-03-19T00:00:00Z");
}

TEST_F(TriggersTest, DatasetsAndModelsAreCausesToo) {
  MUST(triggers_->apply({spec("kind: Trigger\nname: d\npipeline: p\non: {dataset: flights}"),
                         spec("kind: Trigger\nname: m\npipeline: p\non: {model: delays}")},
                        std::nullopt));
  MUST(triggers_->on_event({.id = 1, .type = "dataset.version_created", .subject = "flights", .data = Json::object()}));
  MUST(triggers_->on_event({.id = 2, .type = "model_version.registered", .subject = "delays", .data = Json::object()}));
  EXPECT_THAT(started_keys(), ElementsAre("d/event:1", "m/event:2"));
}

TEST_F(TriggersTest, AScheduleFiresWhenTheClockPassesIt) {
  MUST(triggers_->apply({monthly()}, at("2001-02-15")));
  EXPECT_EQ(MUST(triggers_->find_trigger("monthly")).next, at("2001-03-01"));
  for (const char* now : {"2001-02-28", "2001-03-01", "2001-03-01", "2001-03-02", "2001-04-01T06:00"}) {
    MUST(triggers_->advance(at(now)));
  }
  EXPECT_THAT(started_keys(),
              ElementsAre("monthly/schedule:2001-03-01T00:00:00Z", "monthly/schedule:2001-04-01T00:00:00Z"));
  EXPECT_EQ(MUST(triggers_->find_trigger("monthly")).next, at("2001-05-01"));
}

TEST_F(TriggersTest, AScheduleAppliedBeforeTheClockRunsCountsFromItsFirstAdvance) {
  MUST(triggers_->apply({monthly()}, Timestamp{0}));
  MUST(triggers_->advance(at("2001-01-01")));
  EXPECT_TRUE(started_.empty());
  MUST(triggers_->advance(at("2001-02-01")));
  EXPECT_EQ(started_.size(), 1u);
}

TEST_F(TriggersTest, ScheduledCausesGoByTimeThenByName) {
  MUST(triggers_->apply(
      {monthly("b"), monthly("a"), spec("kind: Trigger\nname: c\npipeline: p\non: {schedule: '0 0 28 2 *'}")},
      at("2001-02-15")));
  MUST(triggers_->advance(at("2001-03-02")));
  EXPECT_THAT(started_keys(), ElementsAre("c/schedule:2001-02-28T00:00:00Z", "a/schedule:2001-03-01T00:00:00Z",
                                          "b/schedule:2001-03-01T00:00:00Z"));
}

TEST_F(TriggersTest, OneAlertFiresItsTriggersInTheOrderOfTheirNames) {
  auto first = on_drift("first"), second = on_drift("second");
  first.cooldown = second.cooldown = Duration{0};
  MUST(triggers_->apply({second, first}, std::nullopt));
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  EXPECT_THAT(started_keys(), ElementsAre("first/event:1", "second/event:1"));
}

TEST_F(TriggersTest, ACooldownCountsFromWhicheverTriggerStartedThePipeline) {
  MUST(triggers_->apply({on_drift("second"), on_drift("first")}, std::nullopt));
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  EXPECT_THAT(started_keys(), ElementsAre("first/event:1"));
  EXPECT_EQ(MUST(triggers_->list_firings("second", 0, 10)).at(0).reason, "cooling down until 2001-03-19T00:00:00Z");
}

TEST_F(TriggersTest, StateAndDocumentsSurviveARestart) {
  MUST(triggers_->apply({on_drift(), monthly()}, at("2001-02-15")));
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  MUST(triggers_->advance(at("2001-03-14")));
  open();
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  MUST(triggers_->on_event(drift(2, "2001-03-15")));
  MUST(triggers_->advance(at("2001-03-14")));
  EXPECT_THAT(started_keys(), ElementsAre("on_drift/event:1", "monthly/schedule:2001-03-01T00:00:00Z"));
  EXPECT_EQ(MUST(triggers_->list_triggers()).size(), 2u);
}

TEST_F(TriggersTest, AStartThatMayPassIsTriedAgainAndStaysOne) {
  MUST(triggers_->apply({on_drift()}, std::nullopt));
  refusal_ = Error{Code::kUnavailable, "the queue is not open"};
  EXPECT_FALSE(triggers_->on_event(drift(1, "2001-03-13")));
  EXPECT_TRUE(published().empty());
  refusal_.reset();
  open();
  MUST(triggers_->resume());
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  EXPECT_THAT(started_keys(), ElementsAre("on_drift/event:1"));
  EXPECT_THAT(published(), ElementsAre("trigger.fired on_drift"));
}

TEST_F(TriggersTest, AStartThatCannotSucceedIsRecorded) {
  MUST(triggers_->apply({on_drift()}, std::nullopt));
  refusal_ = Error{Code::kNotFound, "pipeline retrain does not exist"};
  MUST(triggers_->on_event(drift(1, "2001-03-13")));
  const auto firings = MUST(triggers_->list_firings("", 0, 10));
  ASSERT_EQ(firings.size(), 1u);
  EXPECT_EQ(firings[0].status, FiringStatus::kFailed);
  EXPECT_EQ(firings[0].error, "pipeline retrain does not exist");
  EXPECT_THAT(published(), ElementsAre("trigger.failed on_drift"));
  refusal_.reset();
  MUST(triggers_->on_event(drift(2, "2001-03-14")));
  EXPECT_EQ(started_.size(), 1u) << "what did not start does not cool down";
}

TEST_F(TriggersTest, ByHandItFiresAlwaysAndOnceForAKey) {
  auto disabled = on_drift();
  disabled.enabled = false;
  MUST(triggers_->apply({disabled}, std::nullopt));
  const auto first = MUST(triggers_->fire("on_drift", {{"weeks", "8"}}, "k", at("2001-03-13")));
  const auto again = MUST(triggers_->fire("on_drift", {{"weeks", "8"}}, "k", at("2001-03-13")));
  EXPECT_EQ(first.run, again.run);
  ASSERT_EQ(started_.size(), 1u);
  EXPECT_EQ(started_[0].params.at("weeks"), "8");
  EXPECT_EQ(first.reason, "by hand");
}

TEST_F(TriggersTest, FaultsOfACaller) {
  MUST(triggers_->apply({on_drift()}, std::nullopt));
  EXPECT_EQ(triggers_->fire("on_drifd", {}, "k", {}).error().message,
            "trigger on_drifd does not exist; did you mean \"on_drift\"?");
  EXPECT_EQ(triggers_->fire("on_drift", {{"weeks", "eight"}}, "k", {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(triggers_->find_trigger("x").error().code, Code::kNotFound);
}

TEST_F(TriggersTest, ANewScheduleDoesNotFireThePast) {
  MUST(triggers_->apply({monthly()}, at("2001-02-15")));
  MUST(triggers_->apply({spec("kind: Trigger\nname: monthly\npipeline: refresh\non: {schedule: '0 0 5 * *'}")},
                        at("2001-03-10")));
  MUST(triggers_->advance(at("2001-03-11")));
  EXPECT_TRUE(started_.empty());
  MUST(triggers_->apply({monthly()}, at("2001-03-12")));
  MUST(triggers_->apply({monthly()}, at("2001-04-12")));
  MUST(triggers_->advance(at("2001-04-12")));
  EXPECT_THAT(started_keys(), ElementsAre("monthly/schedule:2001-04-01T00:00:00Z")) << "the same one again goes on";
}

TEST_F(TriggersTest, HistoryIsPagedNewestFirst) {
  auto eager = on_drift();
  eager.cooldown = Duration{0};
  MUST(triggers_->apply({eager}, std::nullopt));
  for (int i = 1; i <= 3; ++i) MUST(triggers_->on_event(drift(i, "2001-03-13")));
  const auto page = MUST(triggers_->list_firings("on_drift", 0, 2));
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].key, "event:3");
  const auto rest = MUST(triggers_->list_firings("on_drift", page[1].id, 2));
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].key, "event:1");
}

}  // namespace
}  // namespace millrace::triggers
