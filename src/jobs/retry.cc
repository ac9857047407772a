#include "jobs/retry.h"

#include <algorithm>
#include <cmath>

namespace millrace::jobs {

Duration backoff(const RetryPolicy& policy, int failure) {
  const double delay = static_cast<double>(policy.first_delay.count()) * std::pow(policy.factor, failure - 1);
  return delay < static_cast<double>(policy.max_delay.count()) ? Duration(std::llround(delay)) : policy.max_delay;
}

Decision decide(const RetryPolicy& policy, int failures, Outcome outcome) {
  switch (outcome) {
    case Outcome::kSucceeded:
      return {Status::kSucceeded, std::nullopt};
    case Outcome::kCancelled:
      return {Status::kCancelled, std::nullopt};
    case Outcome::kRunning:
    case Outcome::kInterrupted:
      return {Status::kQueued, Duration{0}};
    case Outcome::kFailed:
    case Outcome::kTimedOut:
      break;
  }
  if (failures < policy.retries) return {Status::kQueued, backoff(policy, failures + 1)};
  return {outcome == Outcome::kTimedOut ? Status::kTimedOut : Status::kFailed, std::nullopt};
}

}  // namespace millrace::jobs
