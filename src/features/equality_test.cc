// What training computes and what serving answers are the same vectors, bit for bit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <thread>

#include "duck/duck.h"
#include "features/offline/point_in_time.h"
#include "features/online/store.h"
#include "features/projection.h"
#include "features/random_flights.h"
#include "features/testing.h"

namespace millrace::features {
namespace {

using ::testing::HasSubstr;
using testing::kFirstUs;
using testing::kHourUs;

constexpr std::string_view kDefinitions = R"yaml(
kind: FeatureView
name: origin_delay
entities: [origin]
source: flights
where: delay is not null and delay < 85
ttl: 7d
features:
  - {name: o_mean_3h, sql: delay, aggregate: mean, window: 3h}
  - {name: o_late_3h, sql: delay > 15, aggregate: mean, window: 3h}
  - {name: o_sum_45m, sql: delay / 7.0, aggregate: sum, window: 45m}
  - {name: o_count_3h, sql: "*", aggregate: count, window: 3h}
  - {name: o_carriers_6h, sql: carrier, aggregate: count, window: 6h}
  - {name: o_min_2d, sql: delay, aggregate: min, window: 2d}
  - {name: o_max_2d, sql: delay, aggregate: max, window: 2d}
  - {name: o_last, sql: delay}
---
kind: FeatureView
name: destination_delay
entities: [destination]
source: flights
features:
  - {name: d_mean_7d, sql: ln(delay + 31) * 1.1, aggregate: mean, window: 7d}
  - {name: d_spread_14d, sql: delay / 3, aggregate: stddev, window: 14d}
---
kind: FeatureView
name: route
entities: [origin, destination, carrier]
source: flights
ttl: 5d
features:
  - {name: r_last, sql: delay}
  - {name: r_sum_10d, sql: delay * 0.1, aggregate: sum, window: 10d}
---
kind: FeatureView
name: all_flights
source: flights
event_time: known_at
features:
  - {name: a_mean_2h, sql: delay, aggregate: mean, window: 2h}
---
kind: FeatureView
name: departure
source: request
inputs:
  - {name: distance, type: bigint}
features:
  - {name: hour, sql: hour(event_time)}
  - {name: far, sql: distance > 1000}
---
kind: FeatureService
name: everything
features: [departure, origin_delay, destination_delay, route, all_flights]
)yaml";

const testing::FlightsShape kShape{.rows = 12'000, .airports = 8, .span_us = 40 * 24 * kHourUs};

class Equality : public ::testing::Test {
 protected:
  Equality()
      : definitions_(testing::define(kDefinitions)),
        service_(MUST(definitions_->resolve("everything"))),
        database_(MUST(duck::Database::open({}))),
        connection_(MUST(database_->connect())),
        flights_(testing::random_flights(kShape, 1)),
        spine_(testing::random_spine(kShape, 4000, 2)) {
    MUST(connection_.create_temp_table("flights", flights_));
  }

  Result<duck::Table> offline(const duck::Table& spine, int threads = 2, std::string_view scan = "flights") {
    const offline::SourceScan scans[] = {{"flights", std::string(scan)}};
    return offline::point_in_time(connection_, *service_, spine, scans, {.threads = threads});
  }

  // A vector of the answer, as bits, so that NaN compares.
  std::vector<std::uint64_t> bits(const duck::Table& answer, std::size_t row) const {
    std::vector<std::uint64_t> result;
    for (const std::string& name : service_->features)
      result.push_back(std::bit_cast<std::uint64_t>(answer.find(name)->doubles[row]));
    return result;
  }
  std::vector<std::uint64_t> lookup(const online::LookupPlan& plan, std::size_t row) {
    std::vector<sql::Value> inputs;
    for (const InputColumn& input : plan.inputs()) inputs.push_back(cell(*spine_.find(input.name), row));
    std::vector<double> out(plan.features().size(), -1);
    plan.lookup(inputs, moment(row), scratch_, out);
    std::vector<std::uint64_t> result;
    for (const double x : out) result.push_back(std::bit_cast<std::uint64_t>(std::isnan(x) ? std::nan("") : x));
    return result;
  }
  Timestamp moment(std::size_t row) const { return {spine_.find("event_time")->ints[row]}; }

  // The flights' row numbers by known_at; those that are never known are left out.
  std::vector<std::size_t> by_known_at() const {
    const duck::Column& known = *flights_.find("known_at");
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < flights_.rows; ++i)
      if (!known.is_null(i)) rows.push_back(i);
    std::ranges::sort(rows, {}, [&](std::size_t i) { return std::pair(known.ints[i], i); });
    return rows;
  }
  std::vector<std::size_t> spine_by_moment() const {
    std::vector<std::size_t> rows(spine_.rows);
    std::iota(rows.begin(), rows.end(), 0U);
    std::ranges::sort(rows, {}, [&](std::size_t i) { return std::pair(moment(i).us, i); });
    return rows;
  }
  std::int64_t known(std::size_t row) const { return flights_.find("known_at")->ints[row]; }

  std::shared_ptr<const Definitions> definitions_;
  std::shared_ptr<const ResolvedService> service_;
  std::unique_ptr<duck::Database> database_;
  duck::Connection connection_;
  duck::Table flights_, spine_;
  online::LookupScratch scratch_;
};

TEST_F(Equality, offline_agrees_with_plain_sql) {
  const duck::Table answer = MUST(offline(spine_));
  MUST(connection_.create_temp_table("spine", spine_));
  const duck::Table expected = MUST(connection_.query(R"sql(
    select id,
           (select count(*) from flights f where f.origin = s.origin and delay < 85
              and known_at > s.event_time - interval 3 hours and known_at <= s.event_time)::double as o_count_3h,
           (select avg(delay) from flights f where f.origin = s.origin and delay < 85
              and known_at > s.event_time - interval 3 hours and known_at <= s.event_time) as o_mean_3h,
           (select max(delay) from flights f where f.origin = s.origin and delay < 85
              and known_at > s.event_time - interval 2 days and known_at <= s.event_time)::double as o_max_2d,
           (select stddev(delay / 3) from flights f where f.destination = s.destination
              and known_at > s.event_time - interval 14 days and known_at <= s.event_time) as d_spread_14d,
           (select max_by(delay, (known_at, coalesce(delay, 1e9), coalesce(delay * 0.1, 1e9))) from flights f where f.origin = s.origin
              and f.destination = s.destination and f.carrier = s.carrier
              and known_at >= s.event_time - interval 5 days and known_at <= s.event_time)::double as r_last
    from spine s order by id)sql"));
  ASSERT_EQ(expected.rows, answer.rows);
  for (const std::string_view name : {"o_count_3h", "o_mean_3h", "o_max_2d", "d_spread_14d"}) {
    std::size_t present = 0;
    for (std::size_t row = 0; row < answer.rows; ++row) {
      const duck::Column& want = *expected.find(name);
      const duck::Column& have = *answer.find(name);
      if (answer.find("origin")->is_null(row) && name[0] == 'o') continue;
      ASSERT_EQ(have.is_null(row), want.is_null(row)) << name << " " << row;
      if (want.is_null(row)) continue;
      ASSERT_NEAR(have.doubles[row], want.doubles[row], 1e-9) << name << " " << row;
      ++present;
    }
    EXPECT_GT(present, answer.rows / 2) << name;
  }
  std::size_t newest = 0;
  for (std::size_t row = 0; row < answer.rows; ++row) {
    if (answer.find("r_last")->is_null(row)) continue;
    ASSERT_EQ(answer.find("r_last")->doubles[row], expected.find("r_last")->doubles[row]);
    ++newest;
  }
  EXPECT_GT(newest, 500u);
}

TEST_F(Equality, offline_is_the_same_for_any_threads_and_order_of_the_source) {
  const duck::Table one = MUST(offline(spine_, 1));
  const duck::Table three = MUST(offline(spine_, 3, "(select * from flights order by hash(date))"));
  for (std::size_t row = 0; row < spine_.rows; ++row) ASSERT_EQ(bits(one, row), bits(three, row)) << row;
}

TEST_F(Equality, online_answers_what_training_computes) {
  const duck::Table answer = MUST(offline(spine_));
  online::OnlineStore store;
  for (const online::Backfill& backfill : store.apply(definitions_)) MUST(store.finish_backfill(backfill.view, 0));
  const auto plan = MUST(store.plan("everything"));

  // History happens: pushes a little ahead of the questions and out of order, a batch for each day that brings the same
  // rows again, expiry every now and then.
  const auto rows = by_known_at();
  std::mt19937_64 random(7);
  std::size_t pushed = 0, batched = 0;
  std::int64_t version = 0, day = kFirstUs / (24 * kHourUs), pushes = 0;
  for (const std::size_t question : spine_by_moment()) {
    const std::int64_t now = moment(question).us;
    while (now >= (day + 1) * 24 * kHourUs) {
      std::vector<std::size_t> batch;
      const std::int64_t until = (day + 1) * 24 * kHourUs - 1;
      while (batched < rows.size() && known(rows[batched]) <= until) batch.push_back(rows[batched++]);
      std::ranges::shuffle(batch, random);
      pushed = std::max(pushed, batched);
      MUST(store.batch("flights", testing::take_rows(flights_, batch), {until}, ++version));
      if (++day % 3 == 0) store.expire({now});
    }
    std::vector<std::size_t> push;
    while (pushed < rows.size() && known(rows[pushed]) <= now + 2 * kHourUs) push.push_back(rows[pushed++]);
    std::ranges::shuffle(push, random);
    const std::string id = std::to_string(++pushes);
    MUST(store.push("flights", testing::take_rows(flights_, push), id));
    if (random() % 5 == 0) MUST(store.push("flights", testing::take_rows(flights_, push), id));
    ASSERT_EQ(lookup(*plan, question), bits(answer, question)) << "row " << question << " at " << format_time({now});
  }
  EXPECT_GT(version, 30);
  EXPECT_LT(store.size().rows, flights_.rows * 2);
}

TEST_F(Equality, a_new_view_is_loaded_while_batches_come) {
  const duck::Table answer = MUST(offline(spine_));
  online::OnlineStore store;
  const auto rows = by_known_at();
  const std::vector<std::size_t> first(rows.begin(), rows.begin() + 9000), second(rows.begin() + 9000, rows.end());
  const auto wanted = store.apply(definitions_);
  EXPECT_EQ(wanted.size(), 4u);
  // Version 2 comes while version 1 is being read, some of its rows ahead of it; they count once, whether or not the
  // load had them.
  MUST(store.push("flights", testing::take_rows(flights_, {second.begin(), second.begin() + 1000}), "ahead"));
  MUST(store.batch("flights", testing::take_rows(flights_, second), {known(rows.back())}, 2));
  for (const online::Backfill& backfill : wanted) {
    const bool load_has_both = backfill.view == "route";
    const auto sql = backfill.sql("flights", {kFirstUs});
    EXPECT_THAT(sql, HasSubstr("\"known_at\""));
    MUST(store.backfill(backfill.view, testing::take_rows(flights_, load_has_both ? rows : first)));
    MUST(store.finish_backfill(backfill.view, load_has_both ? 2 : 1));
  }
  MUST(store.batch("flights", testing::take_rows(flights_, second), {known(rows.back())}, 2));
  const auto plan = MUST(store.plan("everything"));
  for (std::size_t row = 0; row < spine_.rows; ++row) ASSERT_EQ(lookup(*plan, row), bits(answer, row)) << row;
  EXPECT_TRUE(store.apply(definitions_).empty());
  EXPECT_THAT(store.plan("nothing").error().message, HasSubstr("feature service nothing does not exist"));
}

TEST_F(Equality, rows_pushed_before_the_load_count_once_in_each_view) {
  const duck::Table answer = MUST(offline(spine_));
  online::OnlineStore store;
  const auto rows = by_known_at();
  const duck::Table batch = testing::take_rows(flights_, {rows.begin(), rows.begin() + 9000});
  const duck::Table pushed = testing::take_rows(flights_, {rows.begin() + 9000, rows.end()});
  const auto wanted = store.apply(definitions_);
  MUST(store.push("flights", pushed, "meanwhile"));
  for (const online::Backfill& backfill : wanted) {
    MUST(store.backfill(backfill.view, batch));
    MUST(store.finish_backfill(backfill.view, 1, &pushed));
  }
  const auto plan = MUST(store.plan("everything"));
  for (std::size_t row = 0; row < spine_.rows; ++row) ASSERT_EQ(lookup(*plan, row), bits(answer, row)) << row;
}

TEST_F(Equality, the_backfill_statement_reads_what_is_needed) {
  online::OnlineStore store;
  for (const online::Backfill& backfill : store.apply(definitions_)) {
    const duck::Table rows = MUST(connection_.query(backfill.sql("flights", {kFirstUs + 38 * 24 * kHourUs})));
    MUST(store.backfill(backfill.view, rows));
    MUST(store.finish_backfill(backfill.view, 1));
  }
  const auto plan = MUST(store.plan("everything"));
  const duck::Table answer = MUST(offline(spine_));
  std::size_t asked = 0;
  for (std::size_t row = 0; row < spine_.rows; ++row) {
    if (moment(row).us < kFirstUs + 38 * 24 * kHourUs) continue;
    ASSERT_EQ(lookup(*plan, row), bits(answer, row));
    ++asked;
  }
  EXPECT_GT(asked, 50u);
}

TEST_F(Equality, lookups_run_beside_writes) {
  online::OnlineStore store;
  for (const online::Backfill& backfill : store.apply(definitions_)) MUST(store.finish_backfill(backfill.view, 0));
  const auto plan = MUST(store.plan("everything"));
  const auto rows = by_known_at();
  std::jthread writer([&](const std::stop_token& stop) {
    for (std::size_t i = 0; i + 500 <= rows.size() && !stop.stop_requested(); i += 500) {
      const std::vector<std::size_t> some(rows.begin() + i, rows.begin() + i + 500);
      const duck::Table block = testing::take_rows(flights_, some);
      MUST(store.push("flights", block, std::to_string(i)));
      MUST(store.batch("flights", block, {known(some.back())}, static_cast<std::int64_t>(i / 500 + 1)));
      store.expire({known(some.back())});
    }
  });
  online::LookupScratch scratch;
  std::vector<double> out(plan->features().size());
  std::size_t found = 0;
  for (std::size_t round = 0; round < 20; ++round)
    for (std::size_t row = 0; row < spine_.rows; row += 7) {
      std::vector<sql::Value> inputs;
      for (const InputColumn& input : plan->inputs()) inputs.push_back(cell(*spine_.find(input.name), row));
      plan->lookup(inputs, moment(row), scratch, out);
      found += std::ranges::count_if(out, [](double x) { return !std::isnan(x); });
    }
  EXPECT_GT(found, 0u);
}

TEST_F(Equality, spine_faults_are_told) {
  const auto without = [&](std::string_view column) {
    duck::Table spine = spine_;
    std::erase_if(spine.columns, [&](const duck::Column& c) { return c.name == column; });
    return offline(spine).error().message;
  };
  EXPECT_THAT(without("event_time"), HasSubstr("the spine has no column \"event_time\""));
  EXPECT_THAT(without("origin"), HasSubstr("the spine has no column \"origin\""));
  duck::Table spine = spine_;
  spine.find("origin")->name = "orign";
  EXPECT_THAT(offline(spine).error().message, HasSubstr("did you mean \"orign\"?"));
  spine = spine_;
  spine.find("event_time")->valid[3] = 0;
  EXPECT_THAT(offline(spine).error().message, HasSubstr("event_time is null in row 4"));
  spine = spine_;
  spine.columns.push_back(*spine.find("distance"));
  spine.columns.back().name = "o_last";
  EXPECT_THAT(offline(spine).error().message, HasSubstr("the spine has a column o_last already"));
  EXPECT_EQ(MUST(offline(duck::Table::of(spine_.types()))).rows, 0u);
  EXPECT_THAT(offline(spine_, 2, "nowhere").error().message, HasSubstr("nowhere"));
}

}  // namespace
}  // namespace millrace::features
