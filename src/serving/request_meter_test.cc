#include "serving/request_meter.h"

#include <gtest/gtest.h>

#include <thread>

namespace millrace::serving {
namespace {

const TimeReading& phase(const LatencyReading& latency, Phase phase) {
  return latency.phases[static_cast<std::size_t>(phase)];
}

TEST(RequestMeter, TellsRequestsByCodeAndPhase) {
  RequestMeter meter;
  EXPECT_TRUE(meter.read().by_code.empty());
  meter.add_success(3, {.input = 1'000, .infer = 2'000, .output = 500});
  meter.add_failure(Code::kInvalidArgument, {.input = 700});
  meter.add_failure(Code::kInvalidArgument, {.queue = 50'000, .input = 700, .infer = 900});
  const RequestMeter::Reading reading = meter.read();
  EXPECT_EQ(reading.rows, 3);
  EXPECT_EQ(reading.failures(), 2);
  EXPECT_EQ(reading.answered().total.count(), 1);
  EXPECT_EQ(reading.answered().total.sum_ns, 3'500);
  EXPECT_EQ(phase(reading.answered(), Phase::kQueue).count(), 0);  // it did not wait
  EXPECT_EQ(phase(reading.answered(), Phase::kLog).sum_ns, 500);
  ASSERT_EQ(reading.by_code.size(), 2);
  EXPECT_EQ(reading.by_code[1].code, Code::kInvalidArgument);
  const LatencyReading& failed = reading.by_code[1].latency;
  EXPECT_EQ(failed.total.sum_ns, 52'300);
  EXPECT_EQ(phase(failed, Phase::kFeatures).count(), 2);
  EXPECT_EQ(phase(failed, Phase::kCompute).count(), 1);
  EXPECT_EQ(phase(failed, Phase::kLog).count(), 0);
}

TEST(RequestMeter, FailuresAloneAreNotAnswers) {
  RequestMeter meter;
  meter.add_failure(Code::kUnavailable, {.input = 1});
  EXPECT_EQ(meter.read().answered().total.count(), 0);
  EXPECT_EQ(meter.read().failures(), 1);
}

TEST(RequestMeter, ThreadsCountTogether) {
  RequestMeter meter;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 20; ++i) {  // more than there are shards
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n) meter.add_success(2, {.infer = 10});
      meter.add_failure(Code::kInternal, {.input = 1});
    });
  }
  threads.clear();
  EXPECT_EQ(meter.read().rows, 40'000);
  EXPECT_EQ(meter.read().answered().total.count(), 20'000);
  EXPECT_EQ(meter.read().failures(), 20);
}

}  // namespace
}  // namespace millrace::serving
