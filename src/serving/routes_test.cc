// How endpoints divide their requests: the decision is tested in route_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <map>
#include <thread>

#include "base/actor.h"
#include "events/event.h"
#include "serving/home_for_tests.h"

namespace millrace::serving {
namespace {

using ::testing::HasSubstr;

class FakeHints final : public RequestHints {
 public:
  explicit FakeHints(std::string arm) : arm_(std::move(arm)) {}
  std::string header(std::string_view name) const override { return name == "x-arm" ? arm_ : ""; }
  std::string parameter(std::string_view) const override { return ""; }

 private:
  std::string arm_;
};

class RoutedEndpointsTest : public ::testing::Test {
 protected:
  RoutedEndpointsTest() {
    home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
    home_.set_alias("challenger", home_.add_version(2, {"a", "b"}));
  }

  static EndpointSpec split(double champion, double challenger) {
    EndpointSpec spec{.name = "e", .model = "m"};
    spec.routes.arms = {{.name = "champion", .alias = "champion", .weight = champion},
                        {.name = "challenger", .alias = "challenger", .weight = challenger}};
    return spec;
  }

  std::int64_t version_for(const Row& row, std::string_view id = "") {
    return MUST(endpoints_->infer("e", row.request(id))).version;
  }

  // As after a restart of the program.
  void restart() { endpoints_ = std::make_unique<Endpoints>(home_.parts()); }

  std::map<std::string, std::int64_t> logged_routes() {
    MUST(endpoints_->commit_predictions("e"));
    duck::Connection connection = MUST(home_.duck->connect());
    const auto version = MUST(home_.datasets->version("e.predictions"));
    const duck::Table rows = MUST(connection.query(
        fmt::format("select route || ' ' || version as route, count(*) as n from {} group by all order by all",
                    datasets::scan_sql(version))));
    std::map<std::string, std::int64_t> counts;
    for (std::size_t row = 0; row < rows.rows; ++row)
      counts[rows.find("route")->strings[row]] = rows.find("n")->ints[row];
    return counts;
  }

  Home home_;
  std::unique_ptr<Endpoints> endpoints_ = std::make_unique<Endpoints>(home_.parts());
};

TEST_F(RoutedEndpointsTest, RequestsDivideAsTheWeightsDoAndTheLogSaysSo) {
  MUST(endpoints_->apply(split(75, 25)));
  const Row row(0.5, -0.25);
  for (int i = 0; i < 1000; ++i) version_for(row);
  auto logged = logged_routes();
  EXPECT_EQ(logged.size(), 2U);
  EXPECT_NEAR(static_cast<double>(logged["champion/weight 1"]), 750, 60);
  EXPECT_NEAR(static_cast<double>(logged["challenger/weight 2"]), 250, 60);
  const EndpointStatus status = MUST(endpoints_->find("e"));
  ASSERT_EQ(status.arms.size(), 2U);
  EXPECT_EQ(status.arms[0].share, 0.75);
  EXPECT_EQ(static_cast<std::int64_t>(status.arms[1].predictions), logged["challenger/weight 2"]);
  EXPECT_EQ(status.predictions, 1000U);
  EXPECT_GT(status.arms[1].p99_seconds, 0);
}

TEST_F(RoutedEndpointsTest, ARequestToldTwiceIsAnsweredByOneArm) {
  MUST(endpoints_->apply(split(50, 50)));
  const Row row(0.5, -0.25);
  for (int i = 0; i < 20; ++i) {
    const std::string id = fmt::format("r{}", i);
    EXPECT_EQ(version_for(row, id), version_for(row, id));
  }
}

TEST_F(RoutedEndpointsTest, AStickyKeyKeepsItsVersionAcrossRestartsAndOtherChanges) {
  EndpointSpec spec = split(50, 50);
  spec.routes.sticky = StickySpec{.name = "a", .salt = "spring"};
  MUST(endpoints_->apply(spec));
  std::vector<std::int64_t> before;
  for (int user = 0; user < 100; ++user) before.push_back(version_for(Row(user, 1)));
  restart();
  spec.routes.arms[1].weight = 20;
  MUST(endpoints_->apply(spec));
  int moved = 0;
  for (int user = 0; user < 100; ++user) {
    const std::int64_t now = version_for(Row(user, 2));
    if (now == before[static_cast<std::size_t>(user)]) continue;
    EXPECT_EQ(now, 1) << "the challenger has less";
    ++moved;
  }
  EXPECT_NEAR(moved, 21, 12);
  EXPECT_TRUE(logged_routes().contains("challenger/sticky 2"));
}

TEST_F(RoutedEndpointsTest, AStickyKeyMustBeAnInput) {
  EndpointSpec spec = split(50, 50);
  spec.routes.sticky = StickySpec{.name = "bb"};
  EXPECT_EQ(endpoints_->apply(spec).error().message,
            "endpoint e has no input \"bb\" to divide requests by; did you mean \"b\"?");
  EXPECT_THAT(MUST(endpoints_->find("e")).problem, HasSubstr("to divide requests by"));
}

TEST_F(RoutedEndpointsTest, ARequestMayAskForAnArmOrAVersion) {
  EndpointSpec spec = split(100, 0);
  spec.routes.chosen_by = OverrideSpec{.name = "x-arm"};
  MUST(endpoints_->apply(spec));
  const Row row(0.5, 1);
  EXPECT_EQ(version_for(row), 1);
  InferRequest request = row.request();
  const FakeHints challenger("challenger"), nobody("chalenger");
  request.hints = &challenger;
  EXPECT_EQ(MUST(endpoints_->infer("e", request)).version, 2);
  request.hints = &nobody;
  EXPECT_EQ(endpoints_->infer("e", request).error().message,
            "endpoint e has no arm \"chalenger\"; did you mean \"challenger\"?");
  InferRequest versioned = row.request();
  versioned.version = 2;
  EXPECT_EQ(MUST(endpoints_->infer("e", versioned)).version, 2);
  const auto logged = logged_routes();
  EXPECT_TRUE(logged.contains("challenger/override 2") && logged.contains("challenger/version 2"));
}

TEST_F(RoutedEndpointsTest, AnArmWhoseAliasIsNotSetTakesNothing) {
  EndpointSpec spec = split(1, 1);
  spec.routes.arms[0].alias = "later";
  MUST(endpoints_->apply(spec));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(version_for(Row(i, 1)), 2);
  const EndpointStatus status = MUST(endpoints_->find("e"));
  EXPECT_EQ(status.arms[0].problem, "alias later of model m is not set");
  EXPECT_EQ(status.arms[1].share, 1);
  EXPECT_EQ(status.version, 2);
  home_.set_alias("later", 1);
  MUST(endpoints_->refresh("m"));
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[0].share, 0.5);
}

TEST_F(RoutedEndpointsTest, AnArmMayBeAVersionWhateverTheAliasesDo) {
  EndpointSpec spec = split(0, 0);
  spec.routes.arms = {{.name = "old", .version = 1}};
  MUST(endpoints_->apply(spec));
  home_.set_alias("champion", 2);
  MUST(endpoints_->refresh("m"));
  EXPECT_EQ(version_for(Row(1, 1)), 1);
  EXPECT_TRUE(logged_routes().contains("old 1"));
}

TEST_F(RoutedEndpointsTest, ArmsAnswerTheSameOutputs) {
  home_.set_alias("challenger", home_.add_version(3, {"a", "b"}, 3));
  EXPECT_EQ(endpoints_->apply(split(1, 1)).error().message, "model m version 3 answers other outputs than version 1");
}

TEST_F(RoutedEndpointsTest, RoutesAreSetByHandUntilTheDocumentSaysOthers) {
  const EndpointSpec document{.name = "e", .model = "m"};
  MUST(endpoints_->apply(document));
  {
    const ActingFor ann("ann");
    MUST(endpoints_->set_weights("e", std::array{ArmWeight{"champion", 3}, ArmWeight{"challenger", 1}}, "a canary"));
  }
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[1].share, 0.25);
  restart();
  MUST(endpoints_->apply(document));
  const EndpointStatus status = MUST(endpoints_->find("e"));
  EXPECT_EQ(status.arms[1].share, 0.25);
  EXPECT_EQ(status.in_force.by_hand->who, "ann");
  EXPECT_EQ(MUST(endpoints_->outlook(document)),
            "its routes were set by hand (champion 75%, challenger 25%; ann: a canary) and stay; `millrace endpoint "
            "route e --reset` takes the document's");
  EXPECT_THAT(MUST(endpoints_->outlook(split(50, 50))), HasSubstr("give way to the document's"));
  MUST(endpoints_->apply(split(50, 50)));
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[1].share, 0.5);
  EXPECT_FALSE(MUST(endpoints_->find("e")).in_force.by_hand);
  MUST(endpoints_->set_weights("e", std::array{ArmWeight{"challenger", 0}}, "it does badly"));
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[1].share, 0);
  MUST(endpoints_->reset_routes("e", "it was something else"));
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[1].share, 0.5);
  EXPECT_EQ(MUST(home_.events->list(0, 100, {.type = "endpoint.routes_changed"})).size(), 4U);
}

TEST_F(RoutedEndpointsTest, WhatCannotBeSetByHandChangesNothing) {
  MUST(endpoints_->apply(split(90, 10)));
  const auto set = [&](const ArmWeight& weight, const std::string& reason) {
    return endpoints_->set_weights("e", std::span(&weight, 1), reason).error().message;
  };
  EXPECT_EQ(set({"chalenger", 1}, "why"), "model m has no alias \"chalenger\"; did you mean \"challenger\"?");
  EXPECT_EQ(set({"champion", -1}, "why"), "the weight of arm champion must be 0 or more, not -1");
  EXPECT_EQ(set({"champion", 1}, ""), "say why the routes of endpoint e change: \"reason\" is empty");
  EXPECT_EQ(set({"a b", 1}, "why"), "\"a b\" is no name of an arm or an alias");
  const std::array none = {ArmWeight{"champion", 0}, ArmWeight{"challenger", 0}};
  EXPECT_EQ(endpoints_->set_weights("e", none, "why").error().message,
            "no arm has a weight above 0, so that none would answer");
  EXPECT_EQ(endpoints_->set_routes("e", {.arms = {{.name = "x", .version = 9}}}, "why").error().code, Code::kNotFound);
  EXPECT_EQ(endpoints_->set_routes("f", split(1, 1).routes, "why").error().code, Code::kNotFound);
  home_.set_alias("odd", home_.add_version(4, {"a", "b"}, 3));
  EXPECT_EQ(set({"odd", 1}, "why"), "model m version 3 answers other outputs than version 1");
  EXPECT_EQ(MUST(endpoints_->find("e")).problem, "");
  EXPECT_EQ(MUST(endpoints_->find("e")).arms[1].share, 0.1);
  EXPECT_TRUE(MUST(home_.events->list(0, 100, {.type = "endpoint.routes_changed"})).empty());
}

TEST_F(RoutedEndpointsTest, ABanditFollowsItsEvidenceAndKeepsIt) {
  EndpointSpec spec = split(1, 1);
  spec.routes.bandit = BanditSpec{.floor = 0};
  MUST(endpoints_->apply(spec));
  EXPECT_NEAR(MUST(endpoints_->find("e")).arms[0].share, 0.5, 1e-9);
  MUST(endpoints_->learn("e", {.versions = {{1, {400, 100}}, {2, {400, 300}}}, .as_of = Timestamp{7}}));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(version_for(Row(i, 1)), 2);
  EXPECT_TRUE(logged_routes().contains("challenger/bandit 2"));
  restart();
  MUST(endpoints_->apply(spec));
  const EndpointStatus status = MUST(endpoints_->find("e"));
  EXPECT_GT(status.arms[1].share, 0.999);
  EXPECT_EQ(status.arms[1].evidence, (ArmEvidence{400, 300}));
  EXPECT_EQ(endpoints_->set_weights("e", std::array{ArmWeight{"champion", 3}}, "why").error().message,
            "the shares of endpoint e are its bandit's to decide");
  home_.set_alias("challenger", home_.add_version(6, {"a", "b"}));
  MUST(endpoints_->refresh("m"));
  EXPECT_GT(MUST(endpoints_->find("e")).arms[1].share, 0.5) << "nothing is known of a new version";
}

// Were a change to load under the lock that publishes, the second could not end before the first.
TEST_F(RoutedEndpointsTest, AnEndpointThatLoadsHoldsUpNoOther) {
  MUST(endpoints_->apply({.name = "other", .model = "m"}));
  std::latch loading(1), changed(1);
  auto parts = home_.parts();
  parts.find_vectors = [&](const std::string&) -> Result<std::shared_ptr<const VectorSource>> {
    loading.count_down();
    changed.wait();
    return std::make_shared<FakeVectors>();
  };
  Endpoints endpoints(parts);
  MUST(endpoints.apply({.name = "other", .model = "m"}));
  home_.set_alias("slow", home_.add_version(5, {"a2", "b2"}));
  EndpointSpec slow{.name = "slow", .model = "m", .features = "doubled"};
  slow.routes = single_route("slow");
  std::jthread applying([&] { MUST(endpoints.apply(slow)); });
  loading.wait();
  home_.set_alias("champion", 2);
  MUST(endpoints.refresh("m"));
  EXPECT_EQ(MUST(endpoints.infer("other", Row(1, 1).request())).version, 2);
  changed.count_down();
  applying.join();
  EXPECT_EQ(MUST(endpoints.find("slow")).version, 3);
}

}  // namespace
}  // namespace millrace::serving
