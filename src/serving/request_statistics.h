#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/sharded.h"

namespace millrace::serving {

// How many, and how long they took together.
struct CountedTime {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

// Where a request's time went, in nanoseconds: waiting, making the model's inputs, scoring, all that came after. 0: it
// did not come so far, or did not have to wait.
struct PhaseTimes {
  std::uint64_t queue = 0, input = 0, infer = 0, output = 0;

  std::uint64_t all() const { return queue + input + infer + output; }
  PhaseTimes& operator+=(const PhaseTimes& other);
};

// What was scored with so many rows at once.
struct BatchTotals {
  std::size_t rows = 0;
  std::uint64_t count = 0;
  PhaseTimes times;
};

struct RequestTotals {
  std::uint64_t last_ms = 0;  // when the last one was answered, since 1970; 0: none was
  std::uint64_t rows = 0;
  CountedTime success, failure;
  PhaseTimes times;                  // of those that succeeded
  std::vector<BatchTotals> batches;  // by their rows, the fewest first
};

// Counts a version's requests at an endpoint, whatever its arm, as Triton's statistics tell them. Thread-safe, without
// a lock, and without a cache line that two of a server's loops write to.
class RequestStatistics {
 public:
  void add_success(std::size_t rows, const PhaseTimes& times, std::uint64_t now_ms);
  void add_failure(std::uint64_t ns);
  RequestTotals totals() const;

 private:
  using Number = std::atomic<std::uint64_t>;
  struct Times {
    Number count{0}, queue{0}, input{0}, infer{0}, output{0};
    void add(const PhaseTimes& times);
    PhaseTimes read() const;
  };
  // Of one number of rows; that of the first to come holds the place.
  struct Batch {
    std::atomic<std::size_t> rows{0};
    Times times;
  };
  static constexpr std::size_t kBatches = 64;  // further numbers of rows are not told apart, and not listed

  struct Shard {
    Number last_ms{0}, failures{0}, failure_ns{0};
    std::array<Batch, kBatches> batches;
    Batch others;  // whose rows found no place: `rows` is the sum of theirs
    Batch& batch_of(std::size_t rows);
  };
  static void add_up(const Shard& shard, RequestTotals& totals);

  Sharded<Shard> shards_;
};

}  // namespace millrace::serving
