// How fast features are; run with --gtest_also_run_disabled_tests --gtest_filter=*Speed*.

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>

#include "base/files.h"
#include "duck/duck.h"
#include "features/offline/point_in_time.h"
#include "features/online/store.h"
#include "features/projection.h"
#include "features/random_flights.h"
#include "features/testing.h"

namespace millrace::features {
namespace {

using testing::kFirstUs;
using testing::kHourUs;

constexpr std::string_view kDefinitions = R"yaml(
kind: FeatureView
name: origin_delay
entities: [origin]
source: flights
where: delay is not null
features:
  - {name: o_mean_3h, sql: delay, aggregate: mean, window: 3h}
  - {name: o_late_3h, sql: delay > 15, aggregate: mean, window: 3h}
  - {name: o_count_3h, sql: "*", aggregate: count, window: 3h}
  - {name: o_mean_7d, sql: delay, aggregate: mean, window: 7d}
---
kind: FeatureView
name: destination_delay
entities: [destination]
source: flights
features:
  - {name: d_mean_3h, sql: delay, aggregate: mean, window: 3h}
  - {name: d_mean_7d, sql: delay, aggregate: mean, window: 7d}
---
kind: FeatureView
name: departure
source: request
inputs:
  - {name: distance, type: bigint}
features:
  - {name: hour, sql: hour(event_time)}
  - {name: weekday, sql: isodow(event_time)}
  - {name: distance, sql: distance}
---
kind: FeatureService
name: delays
features: [departure, origin_delay, destination_delay]
)yaml";

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  // Of processor time, all threads together: what a busy machine does not change.
  double processor_seconds() const { return static_cast<double>(std::clock() - processor_start_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t processor_start_ = std::clock();
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

constexpr testing::FlightsShape kShape{.rows = 3'000'000, .airports = 229, .span_us = 181 * 24 * kHourUs};

TEST(DISABLED_Speed, point_in_time_of_three_million_rows) {
  const auto service = MUST(testing::define(kDefinitions)->resolve("delays"));
  auto database = MUST(duck::Database::open({.memory_limit = std::uint64_t{2} << 30}));
  auto connection = MUST(database->connect());
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "flights.parquet").string();
  MUST(connection.create_temp_table("flights", testing::random_flights(kShape, 1)));
  MUST(connection.execute(fmt::format("copy flights to '{}' (format parquet)", file)));
  MUST(connection.execute("drop table flights"));
  duck::Table spine = testing::random_spine(kShape, 1'000'000, 2);
  const offline::SourceScan scans[] = {{"flights", fmt::format("read_parquet(['{}'])", file)}};
  for (const int threads : {1, 2}) {
    const Stopwatch watch;
    const duck::Table answer = MUST(offline::point_in_time(connection, *service, spine, scans, {.threads = threads}));
    fmt::print("point-in-time, 3M source rows x 1M spine rows, 2 views, {} threads: {:.2f} s, {:.2f} s of processor\n",
               threads, watch.seconds(), watch.processor_seconds());
    EXPECT_EQ(answer.rows, spine.rows);
  }
}

TEST(DISABLED_Speed, online_lookups) {
  online::OnlineStore store;
  const testing::FlightsShape week{.rows = 230'000, .airports = 229, .span_us = 14 * 24 * kHourUs};
  const duck::Table flights = testing::random_flights(week, 1);
  for (const online::Backfill& backfill : store.apply(testing::define(kDefinitions))) {
    MUST(store.backfill(backfill.view, flights));
    MUST(store.finish_backfill(backfill.view, 1));
  }
  const auto plan = MUST(store.plan("delays"));
  const duck::Table spine = testing::random_spine(week, 100'000, 3);
  std::vector<std::vector<sql::Value>> questions(spine.rows);
  for (std::size_t row = 0; row < spine.rows; ++row)
    for (const InputColumn& input : plan->inputs()) questions[row].push_back(cell(*spine.find(input.name), row));
  online::LookupScratch scratch;
  std::vector<double> out(plan->features().size());
  // What serving asks: moments near the newest row; then what a replay of history asks.
  const std::int64_t newest = kFirstUs + week.span_us;
  for (const std::int64_t reach : {kHourUs, week.span_us}) {
    const Stopwatch watch;
    constexpr int kRounds = 5;
    for (int round = 0; round < kRounds; ++round)
      for (std::size_t row = 0; row < spine.rows; ++row)
        plan->lookup(questions[row], {newest - (spine.columns[1].ints[row] - kFirstUs) % reach}, scratch, out);
    fmt::print("lookup of {} features as of the last {} h: {:.0f} ns of processor\n", out.size(), reach / kHourUs,
               watch.processor_seconds() * 1e9 / (kRounds * static_cast<double>(spine.rows)));
  }

  std::vector<std::size_t> last(1000);
  for (std::size_t i = 0; i < last.size(); ++i) last[i] = flights.rows - last.size() + i;
  std::vector<duck::Table> rows;
  for (const std::size_t row : last) rows.push_back(testing::take_rows(flights, {row}));
  const Stopwatch pushes;
  for (const duck::Table& row : rows) MUST(store.push("flights", row, ""));
  fmt::print("push of one row: {:.1f} us\n", pushes.processor_seconds() * 1e6 / static_cast<double>(rows.size()));
}

}  // namespace
}  // namespace millrace::features
