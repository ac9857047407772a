#include "features/window_series.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

namespace millrace::features {
namespace {

using std::chrono::hours;
constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kStart = 983'404'800'000'000;  // 2001-03-01

SeriesLayout sample_layout() { return {{Spread::kKept, Spread::kNotKept}, hours(28 * 24), false}; }

// Every aggregate over several windows of column 0, means of column 1, and the newest row.
SeriesReads sample_reads() {
  SeriesReads reads;
  std::size_t position = 0;
  for (const Duration window : {Duration(hours(3)), Duration(hours(1)), Duration(std::chrono::minutes(7)),
                                Duration(hours(7 * 24)), Duration(hours(28 * 24))}) {
    WindowRead& read = reads.windows.emplace_back(WindowRead{window, {{0, {}}, {1, {}}}});
    for (const Aggregate a :
         {Aggregate::kCount, Aggregate::kSum, Aggregate::kMean, Aggregate::kMin, Aggregate::kMax, Aggregate::kStddev})
      read.columns[0].outputs.push_back({a, position++});
    read.columns[1].outputs.push_back({Aggregate::kMean, position++});
  }
  reads.newest.push_back({1, hours(24), position++});
  return reads;
}
constexpr std::size_t kOutputs = 5 * 7 + 1;

struct Row {
  std::int64_t time;
  double a, b;
};

// With ties in time, ties in all, nulls, and gaps.
std::vector<Row> random_rows(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Row> rows;
  std::int64_t time = kStart;
  for (std::size_t i = 0; i < count; ++i) {
    time += random() % 3 == 0 ? 0 : static_cast<std::int64_t>(random() % (random() % 50 == 0 ? 40 * kHour : kHour));
    const double a = random() % 10 == 0 ? std::nan("") : std::ldexp(static_cast<double>(random() % 100'000), -7) - 90;
    rows.push_back({time, a, static_cast<double>(random() % 3) * 0.1});
  }
  return rows;
}

SeriesRows to_series_rows(const std::vector<Row>& rows) {
  SeriesRows result;
  result.columns = 2;
  for (const Row& row : rows) result.add({row.time}, std::array{row.a, row.b});
  return result;
}

std::vector<double> ask(const WindowSeries& series, std::int64_t moment) {
  static const SeriesReads reads = sample_reads();
  std::vector<double> out(kOutputs, -1);
  series.as_of({moment}, reads, out);
  return out;
}

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> result;
  for (const double x : values) result.push_back(std::bit_cast<std::uint64_t>(x));
  return result;
}

void expect_near(double actual, double expected, double scale) {
  if (std::isnan(expected))
    EXPECT_TRUE(std::isnan(actual)) << actual;
  else
    EXPECT_NEAR(actual, expected, 1e-9 * std::max(1.0, scale));
}

TEST(WindowSeries, agrees_with_the_plain_definition) {
  const auto rows = random_rows(3000, 1);
  const SeriesLayout layout = sample_layout();
  WindowSeries series(layout);
  SeriesRows all = to_series_rows(rows);
  series.insert(all);
  const std::int64_t windows[] = {3 * kHour, kHour, 7 * 60'000'000LL, 7 * 24 * kHour, 28 * 24 * kHour};
  std::mt19937_64 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::int64_t moment = i % 2 ? rows[random() % rows.size()].time
                                      : kStart + static_cast<std::int64_t>(random() % 3000) * kHour - (i % 3);
    const auto out = ask(series, moment);
    for (std::size_t w = 0; w < 5; ++w) {
      std::vector<double> in;
      for (const Row& row : rows)
        if (row.time > moment - windows[w] && row.time <= moment && !std::isnan(row.a)) in.push_back(row.a);
      double sum = 0, squares = 0;
      for (const double x : in) sum += x;
      const double n = static_cast<double>(in.size()), mean = sum / n;
      for (const double x : in) squares += (x - mean) * (x - mean);
      EXPECT_EQ(out[w * 7], n);
      expect_near(out[w * 7 + 1], in.empty() ? NAN : sum, n * 1000);
      expect_near(out[w * 7 + 2], in.empty() ? NAN : mean, 1000);
      expect_near(out[w * 7 + 3], in.empty() ? NAN : std::ranges::min(in), 1);
      expect_near(out[w * 7 + 4], in.empty() ? NAN : std::ranges::max(in), 1);
      expect_near(out[w * 7 + 5], in.size() < 2 ? NAN : std::sqrt(squares / (n - 1)), 1000);
    }
  }
}

TEST(WindowSeries, does_not_depend_on_the_order_of_arrival) {
  auto rows = random_rows(2000, 3);
  const SeriesLayout layout = sample_layout();
  WindowSeries at_once(layout), one_by_one(layout), in_batches(layout);
  SeriesRows all = to_series_rows(rows);
  at_once.insert(all);
  std::mt19937_64 random(4);
  std::vector<Row> shuffled = rows;
  for (std::size_t i = 0; i + 20 < shuffled.size(); i += 10)
    std::shuffle(shuffled.begin() + i, shuffled.begin() + i + 20, random);
  for (const Row& row : shuffled) {
    SeriesRows one = to_series_rows({row});
    one_by_one.insert(one);
  }
  std::ranges::shuffle(shuffled, random);
  for (std::size_t i = 0; i < shuffled.size(); i += 100) {
    SeriesRows batch = to_series_rows({shuffled.begin() + i, shuffled.begin() + i + 100});
    in_batches.insert(batch);
  }
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t moment = kStart + static_cast<std::int64_t>(random() % (2500ULL * kHour));
    const auto expected = bits(ask(at_once, moment));
    ASSERT_EQ(bits(ask(one_by_one, moment)), expected);
    ASSERT_EQ(bits(ask(in_batches, moment)), expected);
  }
}

TEST(WindowSeries, does_not_depend_on_older_history) {
  const auto rows = random_rows(6000, 5);
  const SeriesLayout layout = sample_layout();
  WindowSeries whole(layout), expired(layout), late_start(layout);
  SeriesRows all = to_series_rows(rows), again = all, recent;
  whole.insert(all);
  expired.insert(again);
  const std::int64_t oldest = rows[3000].time + 12345;
  expired.expire({oldest});
  EXPECT_LT(expired.size(), whole.size());
  recent.columns = 2;
  for (const Row& row : rows)
    if (row.time > oldest - 28 * 24 * kHour) recent.add({row.time}, std::array{row.a, row.b});
  late_start.insert(recent);
  for (std::int64_t moment = oldest; moment < rows.back().time + kHour; moment += 17 * kHour + 999) {
    const auto expected = bits(ask(whole, moment));
    ASSERT_EQ(bits(ask(expired, moment)), expected);
    ASSERT_EQ(bits(ask(late_start, moment)), expected);
  }
}

TEST(WindowSeries, a_batch_settles_what_was_pushed) {
  const auto rows = random_rows(400, 6);
  const SeriesLayout layout = sample_layout();
  WindowSeries batches(layout), streamed(layout);
  SeriesRows all = to_series_rows(rows);
  batches.insert(all);
  for (const Row& row : rows) {
    SeriesRows one = to_series_rows({row});
    one.known = {row.time};
    streamed.insert(one);
  }
  EXPECT_EQ(bits(ask(streamed, rows.back().time)), bits(ask(batches, rows.back().time)));
  const std::int64_t until = rows[200].time;
  streamed.settle({until});
  SeriesRows first;
  first.columns = 2;
  for (const Row& row : rows)
    if (row.time <= until) first.add({row.time}, std::array{row.a, row.b});
  streamed.insert(first);
  EXPECT_EQ(streamed.size(), batches.size());
  for (const Row& row : rows) ASSERT_EQ(bits(ask(streamed, row.time)), bits(ask(batches, row.time)));
}

TEST(WindowSeries, keeps_the_newest_row_where_any_age_will_do) {
  SeriesLayout layout{{Spread::kNotKept}, Duration{0}, true};
  WindowSeries series(layout);
  SeriesRows rows;
  rows.columns = 1;
  rows.add({kStart}, std::array{1.0});
  rows.add({kStart + kHour}, std::array{2.0});
  series.insert(rows);
  series.expire({kStart + 1000 * 24 * kHour});
  EXPECT_EQ(series.size(), 1u);
  SeriesReads reads;
  reads.newest.push_back({0, Duration::max(), 0});
  double out = 0;
  series.as_of({kStart + 2000 * 24 * kHour}, reads, {&out, 1});
  EXPECT_EQ(out, 2.0);
}

TEST(WindowSeries, windows_are_open_at_the_start_and_ttl_is_inclusive) {
  SeriesLayout layout{{Spread::kNotKept}, hours(3), false};
  WindowSeries series(layout);
  SeriesRows rows;
  rows.columns = 1;
  rows.add({kStart}, std::array{5.0});
  series.insert(rows);
  SeriesReads reads;
  reads.windows.push_back({hours(3), {{0, {{Aggregate::kCount, 0}}}}});
  reads.newest.push_back({0, hours(3), 1});
  const auto at = [&](std::int64_t moment) {
    std::array<double, 2> out{};
    series.as_of({moment}, reads, out);
    return out;
  };
  EXPECT_EQ(at(kStart)[0], 1);
  EXPECT_TRUE(std::isnan(at(kStart - 1)[1]));
  EXPECT_EQ(at(kStart + 3 * kHour - 1)[0], 1);
  EXPECT_EQ(at(kStart + 3 * kHour)[0], 0);
  EXPECT_EQ(at(kStart + 3 * kHour)[1], 5.0);
  EXPECT_TRUE(std::isnan(at(kStart + 3 * kHour + 1)[1]));
}

}  // namespace
}  // namespace millrace::features
