#include "serving/route.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace millrace::serving {
namespace {

struct Weighted {
  std::string name;
  double weight;
};

RoutesSpec routes_of(const std::vector<Weighted>& arms, const std::string& salt = "") {
  RoutesSpec routes{.sticky = StickySpec{.name = "user", .salt = salt}};
  for (const Weighted& arm : arms) routes.arms.push_back({.name = arm.name, .alias = arm.name, .weight = arm.weight});
  return routes;
}

// Versions 1, 2, 3, ... in the arms' order.
RouteTable table_of(const RoutesSpec& routes) {
  std::vector<std::optional<std::int64_t>> versions;
  for (std::size_t i = 0; i < routes.arms.size(); ++i) versions.emplace_back(static_cast<std::int64_t>(i + 1));
  return make_route_table("e", {.routes = routes}, versions);
}

// Which arm each of the keys user-0, user-1, ... has.
std::vector<std::string> assignment(const RouteTable& table, int keys) {
  std::vector<std::string> arms;
  for (int i = 0; i < keys; ++i) {
    const std::string key = fmt::format("user-{}", i);
    arms.push_back(table.arms[*arm_of_key(table.arms, key)].name);
  }
  return arms;
}

TEST(RouteTest, ChoosesByWhatARequestSays) {
  RouteTable table = table_of(routes_of({{"champion", 90}, {"challenger", 10}, {"old", 0}, {"next", 1}}));
  table.arms[3].version.reset();
  const struct {
    std::string_view name;
    RouteRequest request;
    std::size_t arm;
    RouteReason reason;
  } cases[] = {
      {"an arm that is asked for", {.id = "1", .wanted_arm = "challenger"}, 1, RouteReason::kOverride},
      {"one without a share", {.id = "1", .wanted_arm = "old"}, 2, RouteReason::kOverride},
      {"a name goes before a version", {.id = "1", .version = 1, .wanted_arm = "old"}, 2, RouteReason::kOverride},
      {"a version", {.id = "1", .version = 3, .sticky = "k"}, 2, RouteReason::kVersion},
      {"a key, whatever the id", {.id = "1", .sticky = "user-2"}, 0, RouteReason::kSticky},
      {"a key again", {.id = "2", .sticky = "user-2"}, 0, RouteReason::kSticky},
      {"no key: the id", {.id = "user-2"}, 0, RouteReason::kWeight},
  };
  for (const auto& test : cases) {
    const auto choice = choose_arm(table, test.request);
    ASSERT_TRUE(choice) << test.name;
    EXPECT_EQ(choice->arm, test.arm) << test.name;
    EXPECT_EQ(choice->reason, test.reason) << test.name;
  }
  EXPECT_EQ(choose_arm(table, {.wanted_arm = "chalenger"}).error().message,
            "endpoint e has no arm \"chalenger\"; did you mean \"challenger\"?");
  EXPECT_EQ(choose_arm(table, {.wanted_arm = "next"}).error().code, Code::kUnavailable);
  EXPECT_EQ(choose_arm(table, {.version = 7}).error().message, "endpoint e serves version 1 and 2 and 3, not 7");
}

TEST(RouteTest, ArmsWithoutAModelHaveNoShare) {
  RouteTable table = table_of(routes_of({{"champion", 1}, {"challenger", 1e9}}));
  table.arms[1].version.reset();
  EXPECT_EQ(choose_arm(table, {.id = "1"})->arm, 0U);
  table.arms[0].version.reset();
  EXPECT_EQ(choose_arm(table, {.id = "1"})->arm, 0U);
  EXPECT_EQ(choose_arm(table, {.id = "1", .version = 2}).error().code, Code::kUnavailable);
}

TEST(RouteTest, ABanditsSharesAreWhatItsEvidenceSays) {
  RoutesInForce in_force{.routes = routes_of({{"a", 1}, {"b", 1}, {"c", 1}})};
  in_force.routes.bandit = BanditSpec{.floor = 0.01};
  const std::vector<std::optional<std::int64_t>> versions = {1, 2, std::nullopt};
  RouteTable table = make_route_table("e", in_force, versions);
  EXPECT_NEAR(table.arms[0].weight, 0.5, 1e-9) << "nothing is known";
  EXPECT_EQ(choose_arm(table, {.id = "1"})->reason, RouteReason::kBandit);
  in_force.evidence = BanditEvidence{.versions = {{1, {1000, 100}}, {2, {1000, 200}}, {3, {9, 9}}}};
  table = make_route_table("e", in_force, versions);
  EXPECT_NEAR(share_of(table.arms, 0), 0.01, 1e-6);
  EXPECT_NEAR(share_of(table.arms, 1), 0.99, 1e-6);
  EXPECT_EQ(share_of(table.arms, 2), 0);
}

// Chi-square against the weights; the bounds are the 99.9 % quantiles for arms - 1 degrees of freedom.
TEST(RouteTest, KeysDivideAsTheWeightsDo) {
  constexpr int kKeys = 100'000;
  const struct {
    std::vector<Weighted> arms;
    double bound;
  } cases[] = {{{{"a", 50}, {"b", 50}}, 10.83},
               {{{"a", 90}, {"b", 10}}, 10.83},
               {{{"a", 0.7}, {"b", 0.2}, {"c", 0.1}}, 13.82},
               {{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 96}}, 18.47}};
  for (const auto& test : cases) {
    for (const std::string salt : {"", "spring"}) {
      const RoutesSpec routes = routes_of(test.arms, salt);
      std::map<std::string, int> counts;
      for (const std::string& arm : assignment(table_of(routes), kKeys)) ++counts[arm];
      double sum = 0, statistic = 0;
      for (const Weighted& arm : test.arms) sum += arm.weight;
      for (const Weighted& arm : test.arms) {
        const double expected = kKeys * arm.weight / sum;
        statistic += std::pow(counts[arm.name] - expected, 2) / expected;
      }
      EXPECT_LT(statistic, test.bound) << shares_text(routes) << " salt " << salt;
    }
  }
}

TEST(RouteTest, AChangeMovesOnlyTheKeysThatItMust) {
  constexpr int kKeys = 20'000;
  const auto before = assignment(table_of(routes_of({{"a", 60}, {"b", 30}, {"c", 10}})), kKeys);
  const auto moved = [&](const std::vector<Weighted>& arms) {
    std::map<std::pair<std::string, std::string>, int> moves;
    const auto after = assignment(table_of(routes_of(arms)), kKeys);
    for (int i = 0; i < kKeys; ++i) {
      if (before[i] != after[i]) ++moves[{before[i], after[i]}];
    }
    return moves;
  };
  for (const auto& [move, count] : moved({{"a", 60}, {"b", 30}})) EXPECT_EQ(move.first, "c") << "c is gone";
  for (const auto& [move, count] : moved({{"a", 60}, {"b", 30}, {"c", 10}, {"d", 25}})) EXPECT_EQ(move.second, "d");
  for (const auto& [move, count] : moved({{"a", 60}, {"b", 30}, {"c", 60}})) EXPECT_EQ(move.second, "c");
  EXPECT_TRUE(moved({{"c", 1}, {"a", 6}, {"b", 3}}).empty()) << "neither order nor scale matters";
  int total = 0;
  for (const auto& [move, count] : moved({{"a", 60}, {"b", 30}})) total += count;
  EXPECT_NEAR(total, kKeys / 10, kKeys / 100);
}

TEST(RouteTest, AnotherSaltDividesTheKeysAnew) {
  const auto plain = assignment(table_of(routes_of({{"a", 1}, {"b", 1}})), 10'000);
  const auto salted = assignment(table_of(routes_of({{"a", 1}, {"b", 1}}, "spring")), 10'000);
  int same = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) same += plain[i] == salted[i] ? 1 : 0;
  EXPECT_NEAR(same, 5'000, 200);
}

// An assignment outlives the program: these must never change.
TEST(RouteTest, HashesAreTheSameForEver) {
  EXPECT_EQ(stable_hash(""), 12591593934349417548U);
  EXPECT_EQ(stable_hash("user-1"), 7929880356844920958U);
  EXPECT_EQ(stable_hash("user-1", 7), 4831881616775779557U);
  const RouteTable table = table_of(routes_of({{"a", 1}, {"b", 1}}, "spring"));
  std::string arms;
  for (const std::string& arm : assignment(table, 24)) arms += arm;
  EXPECT_EQ(arms, "aaaaaabbbbbabbbbabaaaaaa");
}

}  // namespace
}  // namespace millrace::serving
