#include "jobs/retry.h"

#include <gtest/gtest.h>

namespace millrace::jobs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Retry, Decides) {
  struct Case {
    const char* name;
    int retries;
    int failures;
    Outcome outcome;
    Decision expected;
  };
  const Case cases[] = {
      {"success ends", 2, 0, Outcome::kSucceeded, {Status::kSucceeded, std::nullopt}},
      {"success after failures ends", 2, 2, Outcome::kSucceeded, {Status::kSucceeded, std::nullopt}},
      {"failure without retries ends", 0, 0, Outcome::kFailed, {Status::kFailed, std::nullopt}},
      {"time-out without retries ends", 0, 0, Outcome::kTimedOut, {Status::kTimedOut, std::nullopt}},
      {"first failure is retried", 2, 0, Outcome::kFailed, {Status::kQueued, seconds(1)}},
      {"second failure waits longer", 2, 1, Outcome::kFailed, {Status::kQueued, seconds(2)}},
      {"time-outs are retried", 2, 1, Outcome::kTimedOut, {Status::kQueued, seconds(2)}},
      {"retries used up", 2, 2, Outcome::kFailed, {Status::kFailed, std::nullopt}},
      {"the last outcome names the end", 2, 2, Outcome::kTimedOut, {Status::kTimedOut, std::nullopt}},
      {"cancelled is never retried", 2, 0, Outcome::kCancelled, {Status::kCancelled, std::nullopt}},
      {"interrupted runs again at once", 0, 0, Outcome::kInterrupted, {Status::kQueued, seconds(0)}},
      {"interrupted runs again with retries used up", 1, 1, Outcome::kInterrupted, {Status::kQueued, seconds(0)}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(decide({.retries = c.retries}, c.failures, c.outcome), c.expected) << c.name;
  }
}

TEST(Retry, BacksOffUpToALimit) {
  const RetryPolicy policy{.retries = 1000};
  EXPECT_EQ(backoff(policy, 1), seconds(1));
  EXPECT_EQ(backoff(policy, 4), seconds(8));
  EXPECT_EQ(backoff(policy, 9), seconds(256));
  EXPECT_EQ(backoff(policy, 10), minutes(5));
  EXPECT_EQ(backoff(policy, 999), minutes(5));
}

TEST(Retry, PauseOfOneFactorStaysTheSame) {
  EXPECT_EQ(backoff({.retries = 3, .first_delay = seconds(5), .factor = 1}, 3), seconds(5));
}

}  // namespace
}  // namespace millrace::jobs
