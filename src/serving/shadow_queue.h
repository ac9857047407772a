#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "serving/score.h"
#include "serving/served.h"

namespace millrace::serving {

// A request that was answered and, if it is to be, logged, and whose later shadows are not scored yet.
struct ShadowJob {
  std::shared_ptr<const ServedEndpoint> endpoint;
  std::string id;
  Timestamp event_time;
  std::size_t rows = 0;
  std::size_t width = 0;
  std::vector<double> vectors;
  std::vector<Tensor> inputs;  // where the endpoint has no vectors
  std::vector<Tensor> answer;

  std::size_t bytes() const;  // of memory, roughly
};

// Scores shadows beside the requests, on a thread of its own, in the order of the requests; what they give is brought
// to the rows of the prediction log. Bounded: what finds no room is dropped, which the caller counts. Thread-safe.
class ShadowQueue {
 public:
  explicit ShadowQueue(std::size_t most_bytes);
  // What waits is dropped; the shadow that is being scored is waited for.
  ~ShadowQueue();

  // False where there is no room. Never waits for a shadow.
  bool offer(ShadowJob job);
  // Waits until all that was offered before is scored; false after `timeout`.
  bool drain(Duration timeout);

 private:
  void work(const std::stop_token& stop);

  const std::size_t most_bytes_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<ShadowJob> waiting_;
  std::size_t bytes_ = 0;      // of what waits
  std::uint64_t offered_ = 0;  // jobs so far
  std::uint64_t done_ = 0;
  std::jthread thread_;
};

}  // namespace millrace::serving
