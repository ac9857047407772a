#pragma once

#include <optional>

#include "base/time.h"
#include "jobs/job.h"

namespace millrace::jobs {

struct Decision {
  Status status;                        // of the job, after this attempt
  std::optional<Duration> retry_after;  // set exactly where status is kQueued
  bool operator==(const Decision&) const = default;
};

// What becomes of a job whose attempt ended as `outcome` (not kRunning), after `failures` earlier attempts that failed
// or timed out. An interrupted attempt (the server died under it) is run again at once and is no failure.
Decision decide(const RetryPolicy& policy, int failures, Outcome outcome);

// Before try number `failure` + 1: first_delay * factor^(failure - 1), at most max_delay; `failure` counts from 1.
Duration backoff(const RetryPolicy& policy, int failure);

}  // namespace millrace::jobs
