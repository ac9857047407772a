#include "tracking/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;

Series of_steps(const std::vector<std::int64_t>& steps) {
  Series series;
  std::int64_t time = 0;
  for (const std::int64_t step : steps) add_point(series, {.timestamp = {++time}, .step = step, .value = 1}, false);
  return series;
}

TEST(Series, KnowsStepsThatAreEquallyFarApart) {
  const Series series = of_steps({10, 20, 40, 30 + 20});
  EXPECT_TRUE(series.ascending);
  EXPECT_EQ(series.stride, 10);
  EXPECT_EQ(plain_steps(series, 0, 100), std::nullopt);  // 30 is not there

  const auto whole = plain_steps(of_steps({10, 20, 30}), 0, 100);
  EXPECT_EQ(whole->first, 10);
  EXPECT_EQ(whole->stride, 10);
  EXPECT_EQ(whole->count, 3);
  const auto part = plain_steps(of_steps({10, 20, 30}), 11, 29);
  EXPECT_EQ(part->first, 20);
  EXPECT_EQ(part->count, 1);
  EXPECT_EQ(plain_steps(of_steps({10, 20, 30}), 21, 29)->count, 0);
  EXPECT_EQ(plain_steps(of_steps({10, 20, 30}), 31, 99)->count, 0);
  EXPECT_EQ(plain_steps(of_steps({7}), 0, 99)->count, 1);
}

TEST(Series, WhatWasNotLoggedInOrderIsNotPlain) {
  for (const auto& steps : std::vector<std::vector<std::int64_t>>{{1, 1}, {2, 1}, {1, 2, 2, 3}}) {
    EXPECT_FALSE(of_steps(steps).ascending);
    EXPECT_EQ(plain_steps(of_steps(steps), 0, 100), std::nullopt);
  }
  Series back;
  add_point(back, {.timestamp = {5}, .step = 1}, false);
  add_point(back, {.timestamp = {4}, .step = 2}, false);
  EXPECT_FALSE(back.ascending);
  EXPECT_EQ(back.step, 2);
}

TEST(Series, StepsAtTheEndsOfTheirType) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const Series series = of_steps({kLeast, -1, kMost});
  EXPECT_TRUE(series.ascending);
  EXPECT_EQ(plain_steps(series, kLeast, kMost), std::nullopt);
}

TEST(Series, TheLatestPointHasTheGreatestStepThenTimeThenValue) {
  Series series;
  add_point(series, {.timestamp = {50}, .step = 2, .value = 1}, false);
  add_point(series, {.timestamp = {99}, .step = 1, .value = 9}, false);
  EXPECT_EQ(series.value, 1);
  add_point(series, {.timestamp = {50}, .step = 2, .value = 3}, false);
  add_point(series, {.timestamp = {50}, .step = 2, .value = 2}, false);
  EXPECT_EQ(series.value, 3);
  EXPECT_EQ(series.points, 4);
}

TEST(Series, ASampleHasTheFirstOfEachPartAndTheLast) {
  EXPECT_THAT(sample_places(10, 5), ElementsAre(0, 2, 4, 6, 9));
  EXPECT_THAT(sample_places(11, 4), ElementsAre(0, 3, 6, 10));
  EXPECT_THAT(sample_places(3, 5), ElementsAre(0, 1, 2));
  EXPECT_THAT(sample_places(9, 1), ElementsAre(8));
  EXPECT_THAT(sample_places(0, 5), ElementsAre());
}

}  // namespace
}  // namespace millrace::tracking
