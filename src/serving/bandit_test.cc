#include "serving/bandit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <string_view>

namespace millrace::serving {
namespace {

// P(Beta(a, b) > Beta(c, d)) for whole numbers, in closed form: E. Miller, "Formulas for Bayesian A/B testing", 2015.
double chance_to_beat(int a, int b, int c, int d) {
  const auto log_beta = [](double x, double y) { return std::lgamma(x) + std::lgamma(y) - std::lgamma(x + y); };
  double sum = 0;
  for (int i = 0; i < a; ++i)
    sum += std::exp(log_beta(c + i, b + d) - std::log(b + i) - log_beta(1 + i, b) - log_beta(c, d));
  return sum;
}

TEST(BanditTest, SharesAreTheProbabilitiesOfBeingBest) {
  const struct {
    std::string_view name;
    ArmEvidence a, b;
  } cases[] = {
      {"nothing known", {}, {}},           {"a little", {3, 2}, {3, 1}},
      {"one unknown", {100, 60}, {}},      {"close", {1000, 510}, {1000, 490}},
      {"decided", {200, 150}, {200, 100}}, {"much of it", {40000, 20100}, {40000, 20000}},
  };
  for (const auto& test : cases) {
    const auto shares = thompson_shares(std::array{test.a, test.b}, 0);
    const auto one = [](double x) { return static_cast<int>(x) + 1; };
    const double expected = 1 - chance_to_beat(one(test.b.reward), one(test.b.trials - test.b.reward),
                                               one(test.a.reward), one(test.a.trials - test.a.reward));
    EXPECT_NEAR(shares[0], expected, 2e-3) << test.name;
    EXPECT_NEAR(shares[0] + shares[1], 1, 1e-12) << test.name;
  }
}

TEST(BanditTest, ManyArmsShareAsDrawsFromTheirPosteriorsWould) {
  const std::array<ArmEvidence, 4> arms = {{{50, 20}, {50, 24}, {10, 6}, {500, 220}}};
  std::mt19937_64 engine(5);
  std::array<double, 4> wins{};
  constexpr int kDraws = 200'000;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::array<double, 4> means{};
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const double x = std::gamma_distribution<double>(1 + arms[i].reward)(engine);
      means[i] = x / (x + std::gamma_distribution<double>(1 + arms[i].trials - arms[i].reward)(engine));
    }
    wins[static_cast<std::size_t>(std::ranges::max_element(means) - means.begin())] += 1.0 / kDraws;
  }
  const auto shares = thompson_shares(arms, 0);
  for (std::size_t i = 0; i < arms.size(); ++i) EXPECT_NEAR(shares[i], wins[i], 5e-3) << i;
}

TEST(BanditTest, NoArmFallsBelowTheFloor) {
  const auto shares = thompson_shares(std::array<ArmEvidence, 3>{{{1e6, 9e5}, {1e6, 1e5}, {1e6, 2e5}}}, 0.02);
  EXPECT_NEAR(shares[0], 0.96, 1e-9);
  EXPECT_NEAR(shares[1], 0.02, 1e-9);
  EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
}

TEST(BanditTest, RewardsCountInPartAndNeverBeyondTheTrials) {
  const auto half = thompson_shares(std::array<ArmEvidence, 2>{{{10, 5.5}, {10, 4.5}}}, 0);
  EXPECT_GT(half[0], 0.6);
  const auto beyond = thompson_shares(std::array<ArmEvidence, 2>{{{10, 1e9}, {10, -5}}}, 0);
  EXPECT_GT(beyond[0], 0.99);
}

// The regret of a bandit that looks at its evidence after every hundred requests: it finds the better arm.
TEST(BanditTest, FindsTheBetterArm) {
  std::mt19937_64 engine(11);
  std::uniform_real_distribution<double> uniform;
  std::array<ArmEvidence, 2> arms{};
  const std::array<double, 2> truth = {0.30, 0.36};
  double of_best = 0;
  for (int update = 0; update < 200; ++update) {
    const auto shares = thompson_shares(arms, 0);
    for (int request = 0; request < 100; ++request) {
      const std::size_t arm = uniform(engine) < shares[0] ? 0 : 1;
      arms[arm].trials += 1;
      arms[arm].reward += uniform(engine) < truth[arm] ? 1 : 0;
      of_best += arm == 1 ? 1 : 0;
    }
  }
  EXPECT_GT(of_best / 20'000, 0.9);
  EXPECT_GT(thompson_shares(arms, 0)[1], 0.99);
}

}  // namespace
}  // namespace millrace::serving
