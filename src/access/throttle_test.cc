#include "access/throttle.h"

#include <gtest/gtest.h>

namespace millrace::access {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Timestamp kNow{1'000'000'000};

TEST(ThrottleTest, WaitsDoubleUpToALimit) {
  Throttle throttle({.of_name = 2, .of_address = 100});
  Duration waits[9];
  for (auto& wait : waits) {
    throttle.failed("a", "ann", kNow);
    wait = throttle.wait("a", "ann", kNow);
  }
  const Duration expected[] = {seconds(0), seconds(0),  seconds(1),  seconds(2), seconds(4),
                               seconds(8), seconds(16), seconds(32), minutes(1)};
  for (int i = 0; i < 9; ++i) EXPECT_EQ(waits[i], expected[i]) << i;
}

TEST(ThrottleTest, NeitherAnotherAddressNorAnotherNameWaits) {
  Throttle throttle({.of_name = 0, .of_address = 100});
  throttle.failed("a", "ann", kNow);
  EXPECT_GT(throttle.wait("a", "ann", kNow), Duration{0});
  EXPECT_LE(throttle.wait("b", "ann", kNow), Duration{0});
  EXPECT_LE(throttle.wait("a", "bob", kNow), Duration{0});
}

TEST(ThrottleTest, ManyNamesOfOneAddressWait) {
  Throttle throttle({.of_name = 5, .of_address = 10});
  for (int i = 0; i < 11; ++i) throttle.failed("a", std::to_string(i), kNow);
  EXPECT_GT(throttle.wait("a", "another", kNow), Duration{0});
}

TEST(ThrottleTest, ASuccessAndTimeForget) {
  Throttle throttle({.of_name = 0, .of_address = 100});
  throttle.failed("a", "ann", kNow);
  throttle.succeeded("a", "ann");
  EXPECT_LE(throttle.wait("a", "ann", kNow), Duration{0});
  for (int i = 0; i < 9; ++i) throttle.failed("a", "bob", kNow);
  const auto later = kNow + minutes(30);
  throttle.failed("a", "bob", later);
  EXPECT_EQ(throttle.wait("a", "bob", later), seconds(1));
}

TEST(ThrottleTest, WhatIsCountedIsBounded) {
  Throttle throttle({.of_name = 0, .of_address = 0, .kept = 100});
  for (int i = 0; i < 1000; ++i) throttle.failed(std::to_string(i), "x", kNow);
  EXPECT_GT(throttle.wait("999", "x", kNow), Duration{0});
}

}  // namespace
}  // namespace millrace::access
