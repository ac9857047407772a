#include "registry/moves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/actor.h"
#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/event.h"
#include "events/events.h"
#include "lineage/lineage.h"
#include "registry/registry.h"

namespace millrace::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DecideMove, SaysWhatIsMissing) {
  struct Case {
    std::string name;
    Rule rule;
    Evidence evidence;
    std::string missing;
  };
  const GateStanding passed{.decided = true, .passed = true};
  const GateStanding rejected{.decided = true, .passed = false, .reason = "v4 is worse"};
  for (const Case& c : std::vector<Case>{
           {"gate passed", {.gate = Gate::kMustPass}, {.gate = passed}, ""},
           {"no gate", {.gate = Gate::kMustPass}, {}, "a passed gate (none has decided on this version)"},
           {"rejected", {.gate = Gate::kMustPass}, {.gate = rejected}, "a passed gate (it was rejected: v4 is worse)"},
           {"one more", {.approvals = 2}, {.approvals = 1}, "the approval of another deployer"},
           {"two", {.approvals = 2, .role = "admin"}, {}, "the approvals of 2 other people with the role admin"},
           {"enough", {.approvals = 1}, {.approvals = 3}, ""},
           {"both",
            {.gate = Gate::kMustPass, .approvals = 1},
            {},
            "a passed gate (none has decided on this version) and the approval of another deployer"},
           {"one of both", {.gate = Gate::kMustPass, .approvals = 1}, {.gate = passed, .approvals = 1}, ""}}) {
    const Verdict verdict = decide_move(c.rule, c.evidence);
    EXPECT_EQ(verdict.missing, c.missing) << c.name;
    EXPECT_EQ(verdict.allowed, c.missing.empty()) << c.name;
  }
}

class MovesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    lineage = MUST(lineage::Store::open(*database));
    events = MUST(events::Log::open(*database));
    const auto find_gate = [this](const std::string&, std::int64_t) -> Result<GateStanding> { return gate; };
    store = MUST(Store::open({*database, *lineage, *events, clock, find_gate}));
    moves.emplace(Moves::Parts{*database, *events, *store, clock, find_gate});
    MUST(store->create_model({.name = "delays"}));
    for (const char* maker : {"maker", "ann"}) {
      const ActingFor acting(maker);
      MUST(store->create_version({.model = "delays", .source = "s"}));
    }
  }

  static Person person(std::string name, std::string role = "deployer") {
    return {.name = std::move(name), .has_role = [role](std::string_view asked) {
              return asked == "deployer" ? role != "viewer" : role == "admin";
            }};
  }
  void rule(const Rule& rule) { MUST(moves->set_rule(rule)); }
  static Rule approvals(int count) { return {.model = "delays", .place = {.name = "champion"}, .approvals = count}; }
  MoveRequest ask(std::int64_t version = 1, const std::string& who = "asker") {
    const ActingFor acting(who);
    return MUST(moves->request({.move = {"delays", {.name = "champion"}, version}, .reason = "better"}));
  }
  Result<bool> set(std::int64_t version) {
    return store->set_alias({.model = "delays", .alias = "champion", .version = version});
  }
  std::int64_t champion() {
    const auto found = store->find_alias("delays", "champion");
    return found ? found->version : 0;
  }
  std::vector<std::string> told() {
    std::vector<std::string> types;
    for (const auto& event : MUST(events->list(0, 1000, {.type = "move.*"}))) types.push_back(event.type);
    return types;
  }

  TemporaryDirectory home;
  ManualClock clock{Timestamp{1'000'000}};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<Store> store;
  std::optional<Moves> moves;
  GateStanding gate;
};

TEST_F(MovesTest, WithoutARuleAnAliasIsMovedAsBefore) {
  EXPECT_TRUE(MUST(set(1)));
  EXPECT_EQ(moves->request({.move = {"delays", {.name = "champion"}, 2}}).error().code, Code::kFailedPrecondition);
}

TEST_F(MovesTest, AGateMustHavePassed) {
  rule({.model = "delays", .place = {.name = "champion"}, .gate = Gate::kMustPass});
  const auto refused = set(1);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_EQ(refused.error().message,
            "alias \"champion\" of model \"delays\" can not be moved to version 1: it needs a passed gate (none has "
            "decided on this version); a pipeline's `gate` step decides; `millrace gate list` shows what it decided");
  gate = {.decided = true, .passed = true};
  EXPECT_TRUE(MUST(set(1)));
}

TEST_F(MovesTest, AnApprovalMovesTheVersionAndSaysWho) {
  rule(approvals(1));
  EXPECT_THAT(set(1).error().message,
              HasSubstr("ask for it with `millrace model request delays/1 --alias champion --reason WHY`"));
  const auto request = ask();
  EXPECT_EQ(request.missing, "the approval of another deployer");
  EXPECT_EQ(ask().id, request.id);  // asked again, it is the same
  EXPECT_THAT(set(1).error().message, HasSubstr("request 1 for it waits: `millrace model approve 1`"));
  const ActingFor acting("boss");
  const auto done = MUST(moves->approve(request.id, person("boss"), "looks good"));
  EXPECT_EQ(done.status, RequestStatus::kApplied);
  EXPECT_EQ(done.closed_by, "boss");
  EXPECT_EQ(done.approvals.at(0).reason, "looks good");
  EXPECT_EQ(champion(), 1);
  EXPECT_EQ(MUST(store->alias_history("delays", "champion", {})).items.at(0).reason, "request 1: better");
  EXPECT_THAT(told(), ElementsAre("move.rule_set", "move.requested", "move.approved", "move.applied"));
  EXPECT_EQ(MUST(events->list(0, 100, {.type = "move.requested"})).at(0).who, "asker");
  EXPECT_EQ(MUST(events->list(0, 100, {.type = "model_version.alias_set"})).at(0).who, "boss");
}

TEST_F(MovesTest, NobodyApprovesOfTheirOwn) {
  rule(approvals(1));
  const auto request = ask(1);
  EXPECT_THAT(moves->approve(request.id, person("asker"), "").error().message,
              HasSubstr("asker has asked for request 1"));
  EXPECT_THAT(moves->approve(request.id, person("maker"), "").error().message,
              HasSubstr("maker has registered version 1"));
  EXPECT_EQ(moves->approve(request.id, person("eve", "viewer"), "").error().code, Code::kPermissionDenied);
  EXPECT_EQ(moves->approve(request.id, person(""), "").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(champion(), 0);
}

TEST_F(MovesTest, TwoApprovalsAreOfTwoPeople) {
  rule(approvals(2));
  const auto request = ask();
  EXPECT_EQ(MUST(moves->approve(request.id, person("b"), "")).missing, "the approval of another deployer");
  EXPECT_EQ(MUST(moves->approve(request.id, person("b"), "")).status, RequestStatus::kPending);
  EXPECT_EQ(MUST(moves->approve(request.id, person("c"), "")).status, RequestStatus::kApplied);
  EXPECT_EQ(moves->approve(request.id, person("d"), "").error().code, Code::kFailedPrecondition);
}

TEST_F(MovesTest, ApprovalsAtTheSameTimeMoveItOnce) {
  rule(approvals(1));
  const auto request = ask();
  std::vector<std::jthread> people;
  std::atomic<int> applied = 0;
  for (int i = 0; i < 8; ++i) {
    people.emplace_back([&, i] {
      const auto done = moves->approve(request.id, person(fmt::format("p{}", i)), "");
      if (done && done->status == RequestStatus::kApplied) ++applied;
    });
  }
  people.clear();
  EXPECT_EQ(applied, 1);
  EXPECT_EQ(MUST(events->list(0, 100, {.type = "model_version.alias_set"})).size(), 1U);
}

TEST_F(MovesTest, WhatWasApprovedWaitsForItsGate) {
  rule({.model = "delays", .place = {.name = "champion"}, .gate = Gate::kMustPass, .approvals = 1});
  const auto request = ask();
  EXPECT_EQ(MUST(moves->approve(request.id, person("b"), "")).missing,
            "a passed gate (none has decided on this version)");
  gate = {.decided = true, .passed = true};
  EXPECT_TRUE(MUST(set(1)));  // the loop's own deploy step tries again
  EXPECT_EQ(MUST(moves->find_request(request.id)).status, RequestStatus::kApplied);
}

TEST_F(MovesTest, WhatWasDoneIsTakenBack) {
  rule(approvals(2));
  const auto request = ask();
  MUST(moves->approve(request.id, person("b"), ""));
  EXPECT_TRUE(MUST(moves->withdraw(request.id, person("b"), "")).approvals.empty());
  EXPECT_EQ(moves->withdraw(request.id, person("z"), "").error().code, Code::kPermissionDenied);
  EXPECT_EQ(MUST(moves->withdraw(request.id, person("asker"), "")).status, RequestStatus::kWithdrawn);
  EXPECT_EQ(moves->approve(request.id, person("b"), "").error().message,
            "request 1 is closed: it was withdrawn by asker");
}

TEST_F(MovesTest, ARejectedRequestStaysSo) {
  rule(approvals(1));
  const auto request = ask();
  EXPECT_EQ(MUST(moves->reject(request.id, person("b"), "no")).closed_reason, "no");
  EXPECT_FALSE(moves->approve(request.id, person("c"), ""));
  EXPECT_EQ(ask().id, 2);
}

TEST_F(MovesTest, ADeletedVersionsRequestIsCancelled) {
  rule(approvals(1));
  const auto request = ask();
  MUST(store->delete_version("delays", 1));
  EXPECT_EQ(MUST(moves->find_request(request.id)).status, RequestStatus::kCancelled);
  EXPECT_FALSE(moves->approve(request.id, person("b"), ""));
  const auto other = ask(2);
  MUST(store->delete_model("delays"));
  EXPECT_EQ(MUST(moves->find_request(other.id)).status, RequestStatus::kCancelled);
}

TEST_F(MovesTest, ARuleIsNotEscapedByDeletingOrRenaming) {
  rule(approvals(1));
  EXPECT_EQ(store->rename_model("delays", "late").error().code, Code::kFailedPrecondition);
  MUST(store->delete_model("delays"));
  MUST(store->create_model({.name = "late"}));
  EXPECT_EQ(store->rename_model("late", "delays").error().code, Code::kFailedPrecondition);
  MUST(store->create_model({.name = "delays"}));
  MUST(store->create_version({.model = "delays", .source = "s"}));
  EXPECT_EQ(set(1).error().code, Code::kPermissionDenied);
}

TEST_F(MovesTest, AStageHasRulesToo) {
  rule({.model = "delays", .place = {PlaceKind::kStage, "Production"}, .approvals = 1});
  EXPECT_EQ(store->set_stage("delays", 1, Stage::kProduction, Others::kArchive).error().code, Code::kPermissionDenied);
  MUST(store->set_stage("delays", 1, Stage::kStaging, Others::kStay));
  const auto request = MUST(moves->request({.move = {"delays", {PlaceKind::kStage, "Production"}, 1}}));
  EXPECT_EQ(MUST(moves->approve(request.id, person("b"), "")).status, RequestStatus::kApplied);
  EXPECT_EQ(MUST(store->find_version("delays", 1)).stage, Stage::kProduction);
}

TEST_F(MovesTest, ARuleThatIsTakenAwayLetsTheRequestThrough) {
  rule(approvals(1));
  const auto request = ask();
  MUST(moves->delete_rule("delays", {.name = "champion"}));
  EXPECT_EQ(moves->delete_rule("delays", {.name = "champion"}).error().code, Code::kNotFound);
  EXPECT_TRUE(MUST(set(1)));
  EXPECT_EQ(MUST(moves->find_request(request.id)).status, RequestStatus::kApplied);
}

TEST_F(MovesTest, FaultsOfARuleAreNamed) {
  EXPECT_EQ(moves->set_rule({.model = "delays", .place = {.name = "champion"}}).error().message,
            "a rule asks for a gate, for approvals, or for both; this one asks for nothing");
  EXPECT_EQ(moves->set_rule({.model = "d", .place = {PlaceKind::kStage, "production"}, .approvals = 1}).error().message,
            "stage \"production\" is none of Staging, Production, Archived");
  EXPECT_FALSE(moves->set_rule({.model = "d", .place = {.name = "v3"}, .approvals = 1}));
  EXPECT_FALSE(moves->set_rule({.model = "d", .place = {.name = "c"}, .approvals = 21}));
  EXPECT_FALSE(moves->set_rule({.model = "d", .place = {.name = "c"}, .approvals = 1, .role = "viewer"}));
}

}  // namespace
}  // namespace millrace::registry
