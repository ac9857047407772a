#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"

namespace millrace::serving {

using Moment = std::chrono::steady_clock::time_point;

// How many rows are scored together at most, and how long a request waits for others to come.
struct BatchLimits {
  std::size_t max_rows = 1;
  Duration max_delay{0};
};

// What is decided of a request that waits.
struct WaitingRequest {
  std::size_t rows = 1;
  Moment since;
  std::size_t kind = 0;  // those of one kind may be scored together
};

// Either some are scored now, by their places in the queue, or all wait until a moment.
struct BatchDecision {
  std::vector<std::size_t> take;
  Moment wait_until;
};

// `queue` is in the order in which requests are to be served, and not empty. The first is served first, whatever its
// size; those of its kind that still fit go with it.
BatchDecision decide_batch(std::span<const WaitingRequest> queue, const BatchLimits& limits, Moment now);

// How long a model took for so many rows at once.
struct BatchTiming {
  std::size_t rows = 1;
  std::chrono::nanoseconds time{0};
};

// What an endpoint's document says of batches.
struct BatchWish {
  std::optional<std::int64_t> max_size;
  std::optional<Duration> max_delay;
  bool operator==(const BatchWish&) const = default;
};

// What was measured when a model was loaded; `problem` says why nothing was.
struct BatchMeasurement {
  std::vector<BatchTiming> timings;  // the first of one row
  std::string problem;
};

struct BatchPlan {
  BatchLimits limits;
  std::string reason;  // for people
};

// Requests are scored together where that scores at least kWorthwhile times as many rows a second as one after the
// other, in batches as large as the smallest measured one that comes near the best rate; and where the document wants
// it though nothing could be measured.
inline constexpr double kWorthwhile = 1.3;
BatchPlan plan_batches(const BatchMeasurement& measured, const BatchWish& wish);

}  // namespace millrace::serving
