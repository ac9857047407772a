#include "cli/replay/scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace millrace::cli {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> out;
  for (const auto& tick : ticks) out.push_back(tick.label);
  return out;
}

Timestamp at(std::string_view text) { return parse_time(text).value(); }

TEST(Scale, MapsTheEndsOfTheRangeToTheEndsOfThePixels) {
  Scale scale{{10, 20}, 100, 300};
  EXPECT_DOUBLE_EQ(scale(10), 100);
  EXPECT_DOUBLE_EQ(scale(15), 200);
  EXPECT_DOUBLE_EQ(scale(20), 300);
}

TEST(Scale, MayRunUpwards) {
  Scale scale{{0, 1}, 200, 0};
  EXPECT_DOUBLE_EQ(scale(0.25), 150);
}

TEST(Scale, PutsAnEmptyRangeInTheMiddle) { EXPECT_DOUBLE_EQ((Scale{{5, 5}, 0, 100})(5), 50); }

TEST(TickStep, IsOneTwoOrFiveTimesAPowerOfTen) {
  EXPECT_DOUBLE_EQ(tick_step({0, 1}, 6), 0.2);
  EXPECT_DOUBLE_EQ(tick_step({0, 10}, 11), 1);
  EXPECT_DOUBLE_EQ(tick_step({0, 0.04}, 6), 0.01);
  EXPECT_DOUBLE_EQ(tick_step({0, 2300}, 6), 500);
}

TEST(AxisRange, IsRoundedOutwardsToTicksAndSkipsWhatIsMissing) {
  std::vector<double> values{0.412, kNan, 0.447};
  auto range = axis_range(values, Floor::kFree, 6);
  EXPECT_LE(range.low, 0.412);
  EXPECT_GE(range.high, 0.447);
  EXPECT_NEAR(std::remainder(range.low, 0.01), 0, 1e-9);
}

TEST(AxisRange, StartsAtZeroWhereAsked) {
  EXPECT_DOUBLE_EQ(axis_range(std::vector<double>{0.2, 0.3}, Floor::kZero, 6).low, 0);
  EXPECT_DOUBLE_EQ(axis_range(std::vector<double>{-0.2, -0.3}, Floor::kZero, 6).high, 0);
}

TEST(AxisRange, IsNeverEmpty) {
  EXPECT_GT(axis_range(std::vector<double>{}, Floor::kFree, 6).length(), 0);
  EXPECT_GT(axis_range(std::vector<double>{0.0, 0.0}, Floor::kZero, 6).length(), 0);
  EXPECT_GT(axis_range(std::vector<double>{3.0}, Floor::kFree, 6).length(), 0);
}

TEST(ValueTicks, TellEachOtherApart) {
  EXPECT_EQ(labels(value_ticks({0.4, 0.46}, Unit::kNumber, 4)),
            (std::vector<std::string>{"0.40", "0.42", "0.44", "0.46"}));
  EXPECT_EQ(labels(value_ticks({0, 0.3}, Unit::kShare, 4)), (std::vector<std::string>{"0 %", "10 %", "20 %", "30 %"}));
  EXPECT_EQ(labels(value_ticks({-0.01, 0.01}, Unit::kNumber, 3)), (std::vector<std::string>{"-0.01", "0.00", "0.01"}));
}

TEST(TimeTicks, AreTheFinestThatFit) {
  EXPECT_EQ(labels(time_ticks(at("2001-02-26"), at("2001-07-02"), 8)),
            (std::vector<std::string>{"Mar", "Apr", "May", "Jun", "Jul"}));
  EXPECT_EQ(labels(time_ticks(at("2001-02-26"), at("2001-03-20"), 8)),
            (std::vector<std::string>{"26 Feb", "5 Mar", "12 Mar", "19 Mar"}));
  EXPECT_EQ(labels(time_ticks(at("2001-02-26T05:00"), at("2001-03-01"), 8)),
            (std::vector<std::string>{"27 Feb", "28 Feb", "1 Mar"}));
  EXPECT_EQ(labels(time_ticks(at("1999-06-01"), at("2003-01-01"), 6)),
            (std::vector<std::string>{"2000", "2001", "2002", "2003"}));
}

TEST(FormatDay, IsShort) {
  EXPECT_EQ(format_day(at("2001-03-05T23:59:59")), "5 Mar");
  EXPECT_EQ(format_date(at("2001-03-05")), "5 Mar 2001");
}

}  // namespace
}  // namespace millrace::cli
