#include "serving/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

const Moment kNow = Moment{} + std::chrono::hours(1);

WaitingRequest waiting(std::size_t rows, milliseconds age, std::size_t kind = 0) {
  return {.rows = rows, .since = kNow - age, .kind = kind};
}

TEST(DecideBatch, TakesWhatFitsOrWaits) {
  const struct {
    std::string_view name;
    std::vector<WaitingRequest> queue;
    BatchLimits limits;
    std::vector<std::size_t> take;
    milliseconds wait{0};
  } cases[] = {
      {"each alone", {waiting(1, milliseconds(0)), waiting(1, milliseconds(0))}, {}, {0}},
      {"all that wait", {waiting(1, milliseconds(0)), waiting(2, milliseconds(0))}, {8, {}}, {0, 1}},
      {"up to the limit", {waiting(3, {}), waiting(4, {}), waiting(2, {}), waiting(1, {})}, {8, {}}, {0, 1, 3}},
      {"one larger than the limit", {waiting(9, {}), waiting(1, {})}, {8, {}}, {0}},
      {"only of one kind", {waiting(1, {}, 7), waiting(1, {}, 8), waiting(1, {}, 7)}, {8, {}}, {0, 2}},
      {"waits for more", {waiting(1, milliseconds(1))}, {8, milliseconds(5)}, {}, milliseconds(4)},
      {"waits by the oldest",
       {waiting(1, milliseconds(1)), waiting(1, milliseconds(3))},
       {8, milliseconds(5)},
       {},
       milliseconds(2)},
      {"has waited", {waiting(1, milliseconds(5)), waiting(1, {})}, {8, milliseconds(5)}, {0, 1}},
      {"is full", {waiting(4, {}), waiting(4, {})}, {8, milliseconds(5)}, {0, 1}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto decision = decide_batch(c.queue, c.limits, kNow);
    EXPECT_EQ(decision.take, c.take);
    if (c.take.empty()) {
      EXPECT_EQ(decision.wait_until, kNow + c.wait);
    }
  }
}

TEST(PlanBatches, OnlyWhereThatPays) {
  const BatchMeasurement pays{{{1, microseconds(2600)}, {8, microseconds(2700)}, {32, microseconds(3100)}}, ""};
  const BatchMeasurement does_not{{{1, microseconds(100)}, {8, microseconds(790)}, {32, microseconds(3150)}}, ""};
  const BatchMeasurement small{{{1, microseconds(100)}, {8, microseconds(200)}, {32, microseconds(800)}}, ""};
  const BatchMeasurement unknown{{}, "predict fails on zeros"};
  const struct {
    std::string_view name;
    BatchMeasurement measured;
    BatchWish wish;
    std::size_t max_rows;
    std::string_view reason;
  } cases[] = {
      {"pays", pays, {}, 32, "1 row takes 2.6 ms, 8 rows 2.7 ms, 32 rows 3.1 ms: a batch of 32 scores 26.8 times"},
      {"pays, but is limited", pays, {.max_size = 4}, 4, "up to 4 rows are scored together"},
      {"pays, but is not wanted", pays, {.max_size = 1}, 1, "max_size: 1; each request is scored alone"},
      {"does not pay", does_not, {.max_size = 16}, 1, "batches do not pay; each request is scored alone"},
      {"the smallest that is good enough", small, {}, 8, "a batch of 8 scores 4.0 times"},
      {"not measured", unknown, {}, 1, "not measured: predict fails on zeros; each request is scored alone"},
      {"not measured, but wanted", unknown, {.max_size = 16}, 16, "up to 16 rows are scored together, as the"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto plan = plan_batches(c.measured, c.wish);
    EXPECT_EQ(plan.limits.max_rows, c.max_rows);
    EXPECT_THAT(plan.reason, HasSubstr(c.reason));
  }
  EXPECT_EQ(plan_batches(pays, {.max_delay = milliseconds(3)}).limits.max_delay, milliseconds(3));
}

}  // namespace
}  // namespace millrace::serving
