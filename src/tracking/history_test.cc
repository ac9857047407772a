#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HistoryTest : public TrackingTest {
 protected:
  std::string run_with(const std::vector<std::int64_t>& steps) {
    const std::string id = MUST(store->create_run({})).id;
    Batch batch;
    std::int64_t time = 0;
    for (const std::int64_t step : steps) batch.metrics.push_back({"m", 0.5 * step, Timestamp{++time * 1000}, step});
    MUST(store->log_batch(id, batch));
    return id;
  }
  std::vector<std::int64_t> history(const std::string& run, std::int64_t page) {
    std::vector<std::int64_t> steps;
    HistoryRequest request{.limit = page};
    do {
      const auto found = MUST(store->metric_history(run, "m", request));
      for (const Point& point : found.items) steps.push_back(point.step);
      request.after = found.next;
    } while (!request.after.empty());
    return steps;
  }
  std::vector<std::int64_t> sample(const std::string& run, const SampleRequest& request) {
    std::vector<std::int64_t> steps;
    for (const Point& point : MUST(store->sample_metric(run, "m", request))) steps.push_back(point.step);
    return steps;
  }
};

TEST_F(HistoryTest, PagesAreInOrderOfTimeHoweverItWasLogged) {
  EXPECT_THAT(history(run_with({1, 2, 3, 5, 8}), 2), ElementsAre(1, 2, 3, 5, 8));
  EXPECT_THAT(history(run_with({8, 1, 5}), 2), ElementsAre(8, 1, 5));
  EXPECT_THAT(history(run_with({-2, -1}), 10), ElementsAre(-2, -1));
  EXPECT_EQ(store->metric_history(run_with({1}), "m", {.after = "x"}).error().code, Code::kInvalidArgument);
}

TEST_F(HistoryTest, APageBreaksBetweenPointsThatDifferInTheirValueOnly) {
  const std::string id = MUST(store->create_run({})).id;
  Batch batch;
  for (const double value : {0.1, 0.2, 0.3, std::nan("")}) batch.metrics.push_back({"m", value});
  MUST(store->log_batch(id, batch));
  std::multiset<std::string> values;
  HistoryRequest request{.limit = 1};
  do {
    const auto page = MUST(store->metric_history(id, "m", request));
    for (const Point& point : page.items) values.insert(fmt::format("{}", point.value));
    request.after = page.next;
  } while (!request.after.empty());
  EXPECT_THAT(values, ElementsAre("0.1", "0.2", "0.3", "nan"));
}

TEST_F(HistoryTest, SamplesAreTheSameByArithmeticAndByReading) {
  std::vector<std::int64_t> rising, falling;
  for (int i = 0; i < 50; ++i) rising.push_back(i * 4);
  falling.assign(rising.rbegin(), rising.rend());
  const std::string quick = run_with(rising);
  const std::string slow = run_with(falling);
  for (const std::int64_t limit : {1, 2, 7, 49, 50, 60}) {
    EXPECT_EQ(sample(quick, {.limit = limit}), sample(slow, {.limit = limit})) << limit;
    const SampleRequest part{.limit = limit, .from_step = 5, .to_step = 121};
    EXPECT_EQ(sample(quick, part), sample(slow, part)) << limit;
  }
  EXPECT_THAT(sample(quick, {.limit = 3, .from_step = 1, .to_step = 3}), IsEmpty());
  EXPECT_THAT(sample("nobody", {.limit = 3}), IsEmpty());
}

TEST_F(HistoryTest, WhatIsLoggedAgainChangesNeitherHistoryNorSample) {
  const std::string id = run_with({1, 2, 3});
  const Batch again{.metrics = {{"m", 0.5, Timestamp{1000}, 1}, {"m", 1.5, Timestamp{3000}, 3}}};
  MUST(store->log_batch(id, again));
  EXPECT_THAT(history(id, 10), ElementsAre(1, 2, 3));
  MUST(store->log_batch(id, {.metrics = {{"m", 2, Timestamp{4000}, 4}}}));
  EXPECT_THAT(sample(id, {.limit = 2}), ElementsAre(1, 4));
}

TEST_F(HistoryTest, OneBatchMayHoldWhatIsThereWhatIsNewAndTheSameTwice) {
  const std::string id = run_with({1, 2, 3});
  MUST(store->log_batch(id, {.metrics = {{"m", 1.0, Timestamp{2000}, 2},
                                         {"m", 9.0, Timestamp{2000}, 2},
                                         {"m", 9.0, Timestamp{2000}, 2},
                                         {"m", std::nan(""), Timestamp{2000}, 2},
                                         {"m", std::nan(""), Timestamp{2000}, 2},
                                         {"m", 0.0, Timestamp{2000}, 2},
                                         {"n", 5.0, Timestamp{2000}, 2},
                                         {"m", 4.0, Timestamp{9000}, 7},
                                         {"n", 5.0, Timestamp{2000}, 2},
                                         {"n", 4.0, Timestamp{1000}, 1}}}));
  EXPECT_THAT(history(id, 10), ElementsAre(1, 2, 2, 2, 2, 3, 7));
  EXPECT_EQ(latest(id, "m").value, 4.0);
  EXPECT_EQ(latest(id, "n").step, 2);
  EXPECT_EQ(MUST(store->metric_history(id, "n", {})).items.size(), 2U);
  MUST(store->log_batch(id, {.metrics = {{"m", 4.0, Timestamp{9000}, 7}, {"m", 4.5, Timestamp{9000}, 7}}}));
  EXPECT_THAT(history(id, 10), ElementsAre(1, 2, 2, 2, 2, 3, 7, 7));
}

TEST_F(HistoryTest, PointsOfOneStepAreAllKept) {
  const std::string id = run_with({});
  for (int i = 0; i < 50; ++i) MUST(store->log_batch(id, {.metrics = {{"m", 0.01 * (i * 7 % 50), Timestamp{1000}}}}));
  EXPECT_EQ(MUST(store->metric_history(id, "m", {})).items.size(), 50U);
  EXPECT_EQ(latest(id, "m").value, 0.49);
}

}  // namespace
}  // namespace millrace::tracking
