#include "serving/meters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string exposed(Meters& meters) {
  metrics::Exposition out;
  meters.expose(out);
  return out.text();
}

TEST(Meters, AreTheSameAsLongAsSomebodyUsesThem) {
  Meters meters;
  const auto arm = meters.of_arm({"e", 1, "champion"});
  exposed(meters);
  EXPECT_EQ(arm, meters.of_arm({"e", 1, "champion"}));
  EXPECT_NE(arm, meters.of_arm({"e", 2, "champion"}));
  EXPECT_NE(arm, meters.of_arm({"e", 1, "canary"}));
}

TEST(Meters, AreToldByTheirLabels) {
  Meters meters;
  const auto endpoint = meters.of_endpoint("e");
  const auto arm = meters.of_arm({"e", 1, "champion"});
  const auto shadow = meters.of_shadow({"e", 2, "next"});
  endpoint->failures.add(Code::kUnavailable);
  endpoint->armless.add_failure(Code::kUnavailable, {.queue = 3'000});
  endpoint->swaps.add(40'000'000);
  arm->add_success(5, {.input = 2'000, .infer = 3'000});
  arm->add_failure(Code::kInvalidArgument, {.input = 1});
  shadow->compared.add(5);
  EXPECT_THAT(
      exposed(meters),
      AllOf(
          HasSubstr("millrace_predictions_total{endpoint=\"e\",version=\"1\",arm=\"champion\"} 5\n"),
          HasSubstr("millrace_prediction_seconds_count{endpoint=\"e\",version=\"1\",arm=\"champion\",code=\"OK\"} 1\n"),
          HasSubstr("millrace_prediction_seconds_bucket{endpoint=\"e\",version=\"1\",arm=\"champion\",code=\"OK\","
                    "le=\"5e-06\"} 1\n"),
          HasSubstr("millrace_prediction_phase_seconds_sum{endpoint=\"e\",version=\"1\",arm=\"champion\",code=\"OK\","
                    "phase=\"compute\"} 3e-06\n"),
          HasSubstr("millrace_prediction_seconds_count{endpoint=\"e\",version=\"1\",arm=\"champion\","
                    "code=\"INVALID_ARGUMENT\"} 1\n"),
          HasSubstr("millrace_prediction_seconds_count{endpoint=\"e\",code=\"UNAVAILABLE\"} 1\n"),
          HasSubstr("millrace_prediction_failures_total{endpoint=\"e\",code=\"UNAVAILABLE\"} 1\n"),
          HasSubstr("millrace_prediction_failures_total{endpoint=\"e\",code=\"INTERNAL\"} 0\n"),
          HasSubstr("millrace_swap_seconds_count{endpoint=\"e\",outcome=\"done\"} 1\n"),
          HasSubstr("millrace_shadow_rows_total{endpoint=\"e\",version=\"2\",shadow=\"next\"} 5\n")));
}

TEST(Meters, WhatHasLeftIsToldOnceMore) {
  Meters meters;
  auto arm = meters.of_arm({"e", 1, "champion"});
  arm->add_success(1, {.infer = 1});
  exposed(meters);
  arm->add_success(1, {.infer = 1});
  arm.reset();
  EXPECT_THAT(exposed(meters),
              HasSubstr("millrace_predictions_total{endpoint=\"e\",version=\"1\",arm=\"champion\"} 2"));
  EXPECT_THAT(exposed(meters), Not(HasSubstr("version=\"1\"")));
  EXPECT_EQ(meters.of_arm({"e", 1, "champion"})->read().rows, 0);
}

TEST(Meters, WhatHasLeftDoesNotPileUpWhereNobodyAsks) {
  Meters meters;
  const auto kept = meters.of_arm({"e", 0, "champion"});
  kept->add_success(7, {.infer = 1});
  for (int version = 1; version <= 1'000; ++version) meters.of_arm({"e", version, "champion"});
  const std::string text = exposed(meters);
  EXPECT_LT(std::ranges::count(text, '\n'), 200);
  EXPECT_THAT(text, HasSubstr("millrace_predictions_total{endpoint=\"e\",version=\"0\",arm=\"champion\"} 7"));
}

TEST(InFlight, CountsRequestsThatLive) {
  InFlight all;
  EXPECT_EQ(all.count(), 0);
  {
    const InFlight::Request one(all), two(all);
    EXPECT_EQ(all.count(), 2);
  }
  EXPECT_EQ(all.count(), 0);
}

}  // namespace
}  // namespace millrace::serving
