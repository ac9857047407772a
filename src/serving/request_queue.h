#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "serving/batch.h"
#include "serving/infer.h"
#include "serving/owned_request.h"

namespace millrace::serving {

// Called once with the answer, on any thread; it must neither block nor take long.
using InferDone = std::move_only_function<void(Result<InferAnswer>)>;

// A request that waits for a model, or is being scored.
struct PendingRequest {
  PendingRequest(const InferRequest& request, const RoutesSpec& routes, InferDone done);

  const OwnedRequest request;
  const WaitingRequest waiting;
  const Moment deadline;  // Moment::max() for none
  InferDone done;         // null once it was answered; guarded by the queue's mutex
};

struct QueueOptions {
  std::size_t lanes = 1;    // batches that are scored at once
  std::size_t limit = 256;  // requests that may wait; beyond it they are refused
  BatchLimits batch;
};

struct QueueStatus {
  QueueOptions options;
  std::size_t waiting = 0, running = 0;  // requests
  std::uint64_t batches = 0, rows = 0;   // scored since the process started
  std::uint64_t refused = 0, expired = 0;
};

// The requests of an endpoint whose models must be waited for: a few threads, the lanes, take them in batches, by
// priority and then by age. A request whose deadline passes is answered kDeadlineExceeded, whether it waits or is being
// scored. Thread-safe.
class RequestQueue {
 public:
  using Batch = std::span<const std::shared_ptr<PendingRequest>>;
  // Scores a batch and hands each of its requests to finish(). On a lane's thread.
  using Score = std::function<void(RequestQueue&, Batch)>;
  // Is told of each request that is answered with an error by the queue itself, before it is.
  using GivenUp = std::function<void(const PendingRequest&, Code)>;

  RequestQueue(std::string endpoint, Score score, GivenUp given_up, metrics::Registry& metrics);
  // stop().
  ~RequestQueue();
  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  // Lanes that are no longer wanted end after their batch.
  void configure(const QueueOptions& options);
  // `done` may be called at once: kUnavailable where too many wait.
  void add(const InferRequest& request, const RoutesSpec& routes, InferDone done);
  // Of a request of a batch: whoever gets it answers by it. Null where the deadline has passed.
  InferDone claim(PendingRequest& request);
  // Answers a request of a batch, unless its deadline has passed.
  void finish(PendingRequest& request, Result<InferAnswer> answer);
  // What waits is answered so.
  void refuse_waiting(const Error& error);
  // What waits is refused, what is being scored is waited for. For good.
  void stop();

  QueueStatus status() const;

 private:
  using Pending = std::shared_ptr<PendingRequest>;
  struct Later {
    bool operator()(const Pending& a, const Pending& b) const {
      return std::tie(a->deadline, a) < std::tie(b->deadline, b);
    }
  };

  void insert(Pending request);
  void run_lane(std::size_t lane);
  bool lane_is_wanted(std::size_t lane) const { return !stopping_ && lane < options_.lanes; }
  std::vector<Pending> take_batch(std::size_t lane);
  void watch_deadlines();
  struct Unanswered {
    Pending request;
    InferDone done;
  };
  std::vector<Unanswered> take_expired();
  void give_up(Unanswered request, const Error& error) const;
  InferDone take_done(PendingRequest& request);
  void note_depth();

  const std::string endpoint_;
  const Score score_;
  const GivenUp given_up_;
  metrics::Gauge& depth_;
  metrics::Histogram& batch_rows_;
  metrics::Counter& refused_;
  metrics::Counter& expired_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_, due_;
  QueueOptions options_;                // guarded by mutex_, as all that follows
  std::deque<Pending> waiting_;         // in the order in which they are served
  std::set<Pending, Later> deadlines_;  // of those that have one and are not answered
  std::size_t running_ = 0;
  std::uint64_t batches_ = 0, rows_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> lanes_;
  std::jthread watcher_;
};

}  // namespace millrace::serving
