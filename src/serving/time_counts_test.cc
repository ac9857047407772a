#include "serving/time_counts.h"

#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

TEST(TimeBucket, IsTheFirstBoundThatIsNotBelow) {
  for (std::size_t i = 0; i < kTimeBounds.size(); ++i) {
    EXPECT_EQ(time_bucket(kTimeBounds[i]), i) << kTimeBounds[i];
    EXPECT_EQ(time_bucket(kTimeBounds[i] + 1), i + 1) << kTimeBounds[i];
  }
  EXPECT_EQ(time_bucket(0), 0);
  EXPECT_EQ(time_bucket(~std::uint64_t{0}), kTimeBounds.size());
  for (std::uint64_t ns = 1; ns < 200'000'000'000; ns += 1 + ns / 7) {
    const auto expected = std::ranges::lower_bound(kTimeBounds, ns) - kTimeBounds.begin();
    EXPECT_EQ(time_bucket(ns), static_cast<std::size_t>(expected)) << ns;
  }
}

TEST(TimeCounts, AreToldInSeconds) {
  TimeCounts counts;
  counts.add(1'500);
  counts.add(3'000'000'000);
  counts.add(60'000'000'000);
  const TimeReading reading = counts.read();
  EXPECT_EQ(reading.count(), 3);
  const auto seconds = reading.in_seconds();
  EXPECT_DOUBLE_EQ(seconds.sum, 63.0000015);
  EXPECT_DOUBLE_EQ(seconds.upper_bounds.front(), 1e-6);
  EXPECT_DOUBLE_EQ(seconds.upper_bounds.back(), 10);
  EXPECT_EQ(seconds.counts.size(), seconds.upper_bounds.size() + 1);
  EXPECT_EQ(seconds.counts[1], 1);
  EXPECT_EQ(seconds.counts.back(), 1);
  EXPECT_GT(seconds.quantile(0.5), 2);
  EXPECT_LT(seconds.quantile(0.5), 5);
}

}  // namespace
}  // namespace millrace::serving
