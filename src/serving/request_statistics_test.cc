#include "serving/request_statistics.h"

#include <gtest/gtest.h>

#include <thread>

namespace millrace::serving {
namespace {

TEST(RequestStatistics, TimesAddUpByPhaseAndByRows) {
  RequestStatistics statistics;
  statistics.add_success(1, {.input = 10, .infer = 20, .output = 5}, 1000);
  statistics.add_success(65, {.queue = 7, .input = 1, .infer = 2, .output = 3}, 2000);
  statistics.add_success(1, {.input = 10, .infer = 20, .output = 5}, 3000);
  statistics.add_failure(4);
  const RequestTotals totals = statistics.totals();
  EXPECT_EQ(totals.last_ms, 3000);
  EXPECT_EQ(totals.rows, 67);
  EXPECT_EQ(totals.success.count, 3);
  EXPECT_EQ(totals.success.ns, 35 + 13 + 35);
  EXPECT_EQ(totals.failure.count, 1);
  EXPECT_EQ(totals.failure.ns, 4);
  EXPECT_EQ(totals.times.queue, 7);
  ASSERT_EQ(totals.batches.size(), 2);  // 1 and 65 begin at one place
  EXPECT_EQ(totals.batches[0].rows, 1);
  EXPECT_EQ(totals.batches[0].count, 2);
  EXPECT_EQ(totals.batches[0].times.infer, 40);
  EXPECT_EQ(totals.batches[1].rows, 65);
}

TEST(RequestStatistics, MoreNumbersOfRowsThanPlacesAreStillCounted) {
  RequestStatistics statistics;
  for (std::size_t rows = 0; rows < 200; ++rows) statistics.add_success(rows, {.infer = 1}, 1);
  EXPECT_EQ(statistics.totals().success.count, 200);
  EXPECT_EQ(statistics.totals().batches.size(), 64);
}

TEST(RequestStatistics, ThreadsCountTogether) {
  RequestStatistics statistics;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::size_t n = 0; n < 10'000; ++n) statistics.add_success(1 + n % 3, {.infer = 1}, n);
    });
  }
  threads.clear();
  EXPECT_EQ(statistics.totals().success.count, 40'000);
  std::uint64_t count = 0;
  for (const BatchTotals& batch : statistics.totals().batches) count += batch.count;
  EXPECT_EQ(count, 40'000);
}

}  // namespace
}  // namespace millrace::serving
