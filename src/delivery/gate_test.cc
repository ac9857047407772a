#include "delivery/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace millrace::delivery {
namespace {

using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

GateEvidence evidence(double challenger, std::optional<double> champion, std::int64_t rows = 10'000) {
  return {.rows = rows,
          .challenger = challenger,
          .champion = champion,
          .challenger_version = "v4",
          .champion_version = champion ? "v3" : ""};
}

TEST(Gate, Decides) {
  const GateSpec lower{.metric = "log_loss", .margin = 0.001, .min_rows = 1000};
  const GateSpec higher{.metric = "roc_auc", .direction = Direction::kHigherIsBetter, .margin = 0.01};
  const GateSpec no_margin{.margin = 0};
  const GateSpec tolerant{.margin = -0.01};
  struct Case {
    const char* name;
    GateSpec spec;
    GateEvidence evidence;
    bool passed;
    const char* reason;
  };
  const std::vector<Case> cases{
      {"better by more than the margin", lower, evidence(0.400, 0.410), true, "better by 0.01"},
      {"better by less", lower, evidence(0.4095, 0.410), false, "less than the margin 0.001"},
      {"worse", lower, evidence(0.42, 0.41), false, "not better"},
      {"equal without a margin passes", no_margin, evidence(0.41, 0.41), true, "better by 0"},
      {"a negative margin forgives", tolerant, evidence(0.415, 0.41), true, "the margin is -0.01"},
      {"higher is better", higher, evidence(0.72, 0.70), true, "roc_auc 0.72 against champion v3's 0.7"},
      {"higher is better, but it is lower", higher, evidence(0.69, 0.70), false, "not better"},
      {"too few rows", lower, evidence(0.1, 0.9, 999), false,
       "only 999 labelled rows to compare on; the gate needs 1000"},
      {"no rows", lower, evidence(kNaN, kNaN, 0), false, "challenger v4 has no log_loss on 0 rows"},
      {"the challenger is NaN", lower, evidence(kNaN, 0.4), false, "challenger v4 has no log_loss"},
      {"the challenger is infinite", higher, evidence(kInfinity, 0.4), false, "challenger v4 has no roc_auc"},
      {"the champion is NaN", lower, evidence(0.4, kNaN), false, "champion v3 has no log_loss"},
      {"the champion is infinitely bad", lower, evidence(0.4, kInfinity), false, "nothing can be compared"},
      {"a margin that is NaN", {.margin = kNaN}, evidence(0.1, 0.9), false, "less than the margin"},
      {"the first version", lower, evidence(0.4, std::nullopt), true, "there is no champion yet"},
      {"the first version, on few rows", lower, evidence(0.4, std::nullopt, 3), true, "there is no champion yet"},
      {"the first version, without a metric", lower, evidence(kNaN, std::nullopt), false, "has no log_loss"},
  };
  for (const Case& c : cases) {
    const GateDecision decision = decide_gate(c.spec, c.evidence);
    EXPECT_EQ(decision.passed, c.passed) << c.name;
    EXPECT_THAT(decision.reason, HasSubstr(c.reason)) << c.name;
  }
}

TEST(Gate, TheImprovementIsPositiveWhereTheChallengerIsBetter) {
  EXPECT_NEAR(decide_gate({}, evidence(0.40, 0.41)).improvement, 0.01, 1e-12);
  EXPECT_NEAR(decide_gate({.direction = Direction::kHigherIsBetter}, evidence(0.40, 0.41)).improvement, -0.01, 1e-12);
  EXPECT_TRUE(std::isnan(decide_gate({}, evidence(0.40, std::nullopt)).improvement));
}

TEST(Gate, MayAskThatTheImprovementStandOutFromChance) {
  const GateSpec spec{.min_standard_errors = 2};
  GateEvidence found = evidence(0.40, 0.41);
  EXPECT_FALSE(decide_gate(spec, found).passed) << "without the rows' losses nothing is known";
  found.losses = PairedDifference{.rows = 100, .mean = 0.01, .standard_error = 0.006};
  EXPECT_THAT(decide_gate(spec, found).reason, HasSubstr("1.67 standard errors, fewer than 2.00"));
  found.losses->standard_error = 0.004;
  EXPECT_TRUE(decide_gate(spec, found).passed);
}

TEST(PairedDifference, MeanAndStandardErrorOfTheDifferences) {
  const std::vector<double> champion{0.5, 0.7, 0.2, 0.9};
  const std::vector<double> challenger{0.4, 0.5, 0.3, 0.5};
  const PairedDifference difference = paired_difference(champion, challenger);
  EXPECT_EQ(difference.rows, 4);
  EXPECT_NEAR(difference.mean, 0.15, 1e-15);                               // of 0.1, 0.2, -0.1, 0.4
  EXPECT_NEAR(difference.standard_error, std::sqrt(0.13 / 3 / 4), 1e-15);  // squares 0.0025 0.0025 0.0625 0.0625
  EXPECT_NEAR(difference.one_sided_p(), 0.5 * std::erfc(difference.z() / std::sqrt(2.0)), 1e-15);
  EXPECT_LT(difference.one_sided_p(), 0.1);
}

TEST(PairedDifference, LeavesOutWhatIsNotFinite) {
  const std::vector<double> champion{0.5, kNaN, 0.2, kInfinity};
  const std::vector<double> challenger{0.4, 0.5, 0.1, 0.5};
  EXPECT_EQ(paired_difference(champion, challenger).rows, 2);
}

TEST(PairedDifference, OneRowHasNoStandardError) {
  const std::vector<double> one{0.5};
  const PairedDifference difference = paired_difference(one, one);
  EXPECT_EQ(difference.mean, 0);
  EXPECT_TRUE(std::isnan(difference.standard_error));
  EXPECT_TRUE(std::isnan(paired_difference({}, {}).mean));
}

}  // namespace
}  // namespace millrace::delivery
