#include "serving/request_queue.h"

#include <algorithm>
#include <limits>

#include "base/log.h"

namespace millrace::serving {
namespace {

using Steady = std::chrono::steady_clock;

const std::vector<double> kBatchBuckets = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

// The smallest is served first; requests without a priority last.
std::uint64_t rank_of(const PendingRequest& request) {
  const auto priority = request.request.request().priority;
  return priority == 0 ? std::numeric_limits<std::uint64_t>::max() : priority;
}

}  // namespace

PendingRequest::PendingRequest(const InferRequest& asked, const RoutesSpec& routes, InferDone answer)
    : request(asked, routes),
      waiting{.rows = request.rows(), .since = Steady::now(), .kind = request.kind()},
      deadline(asked.timeout ? waiting.since + *asked.timeout : Moment::max()),
      done(std::move(answer)) {}

RequestQueue::RequestQueue(std::string endpoint, Score score, GivenUp given_up, metrics::Registry& metrics)
    : endpoint_(std::move(endpoint)),
      score_(std::move(score)),
      given_up_(std::move(given_up)),
      depth_(metrics.gauge("millrace_queue_depth", "Requests that wait for a model.", {{"endpoint", endpoint_}})),
      batch_rows_(metrics.histogram("millrace_batch_rows", "Rows that were scored together.", {{"endpoint", endpoint_}},
                                    kBatchBuckets)),
      refused_(metrics.counter("millrace_queue_refused_total", "Requests refused since too many waited.",
                               {{"endpoint", endpoint_}})),
      expired_(metrics.counter("millrace_deadlines_exceeded_total", "Requests whose deadline passed.",
                               {{"endpoint", endpoint_}})),
      watcher_([this] { watch_deadlines(); }) {}

RequestQueue::~RequestQueue() { stop(); }

void RequestQueue::configure(const QueueOptions& options) {
  const std::scoped_lock lock(mutex_);
  options_ = options;
  while (lanes_.size() < options.lanes) {
    lanes_.emplace_back([this, lane = lanes_.size()] { run_lane(lane); });
  }
  arrived_.notify_all();
}

void RequestQueue::add(const InferRequest& request, const RoutesSpec& routes, InferDone done) {
  auto pending = std::make_shared<PendingRequest>(request, routes, std::move(done));
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return give_up({pending, std::move(pending->done)}, {Code::kUnavailable, "the server is stopping"});
  }
  if (const auto limit = options_.limit; waiting_.size() >= limit) {
    lock.unlock();
    refused_.add();
    const auto full =
        fmt::format("endpoint {} has {} requests waiting already; try again in a second", endpoint_, limit);
    return give_up({pending, std::move(pending->done)}, {Code::kUnavailable, full});
  }
  insert(std::move(pending));
}

// Behind those of the same priority.
void RequestQueue::insert(Pending request) {
  if (request->deadline != Moment::max()) {
    deadlines_.insert(request);
    due_.notify_one();
  }
  const auto place =
      std::ranges::upper_bound(waiting_, rank_of(*request), {}, [](const Pending& other) { return rank_of(*other); });
  waiting_.insert(place, std::move(request));
  note_depth();
  arrived_.notify_one();
}

void RequestQueue::run_lane(std::size_t lane) {
  while (true) {
    const auto batch = take_batch(lane);
    if (batch.empty()) return;
    score_(*this, batch);
    const std::scoped_lock lock(mutex_);
    running_ -= batch.size();
  }
}

// Nothing where the lane shall end.
std::vector<RequestQueue::Pending> RequestQueue::take_batch(std::size_t lane) {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [&] { return !lane_is_wanted(lane) || !waiting_.empty(); });
    if (!lane_is_wanted(lane)) return {};
    std::vector<WaitingRequest> queue;
    for (const auto& request : waiting_) queue.push_back(request->waiting);
    const auto decision = decide_batch(queue, options_.batch, Steady::now());
    if (decision.take.empty()) {
      arrived_.wait_until(lock, decision.wait_until);
      continue;
    }
    std::vector<Pending> batch;
    std::size_t rows = 0;
    for (const auto place : decision.take) {
      rows += waiting_[place]->waiting.rows;
      batch.push_back(std::exchange(waiting_[place], nullptr));
    }
    std::erase(waiting_, nullptr);
    running_ += batch.size();
    ++batches_;
    rows_ += rows;
    batch_rows_.observe(static_cast<double>(rows));
    note_depth();
    if (!waiting_.empty()) arrived_.notify_one();
    return batch;
  }
}

void RequestQueue::finish(PendingRequest& request, Result<InferAnswer> answer) {
  if (auto done = claim(request)) done(std::move(answer));
}

InferDone RequestQueue::claim(PendingRequest& request) {
  const std::scoped_lock lock(mutex_);
  return take_done(request);
}

void RequestQueue::give_up(Unanswered request, const Error& error) const {
  given_up_(*request.request, error.code);
  request.done(std::unexpected(error));
}

// Null where it was answered already.
InferDone RequestQueue::take_done(PendingRequest& request) {
  if (request.deadline != Moment::max() && request.done) {
    std::erase_if(deadlines_, [&](const Pending& other) { return other.get() == &request; });
  }
  return std::exchange(request.done, nullptr);
}

void RequestQueue::watch_deadlines() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (deadlines_.empty()) {
      due_.wait(lock);
      continue;
    }
    due_.wait_until(lock, (*deadlines_.begin())->deadline);
    auto expired = take_expired();
    lock.unlock();
    for (auto& request : expired) {
      expired_.add();
      const auto passed = fmt::format("the request's deadline passed while endpoint {} was busy", endpoint_);
      give_up(std::move(request), {Code::kDeadlineExceeded, passed});
    }
    lock.lock();
  }
}

std::vector<RequestQueue::Unanswered> RequestQueue::take_expired() {
  std::vector<Unanswered> expired;
  const auto now = Steady::now();
  while (!deadlines_.empty() && (*deadlines_.begin())->deadline <= now) {
    const auto request = *deadlines_.begin();
    deadlines_.erase(deadlines_.begin());
    std::erase(waiting_, request);
    expired.push_back({request, std::exchange(request->done, nullptr)});
  }
  note_depth();
  return expired;
}

void RequestQueue::refuse_waiting(const Error& error) {
  std::vector<Unanswered> refused;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& request : waiting_) refused.push_back({request, take_done(*request)});
    waiting_.clear();
    note_depth();
  }
  for (auto& request : refused) give_up(std::move(request), error);
}

void RequestQueue::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_all();
  due_.notify_all();
  refuse_waiting({Code::kUnavailable, "the server is stopping"});
  lanes_.clear();
  if (watcher_.joinable()) watcher_.join();
}

void RequestQueue::note_depth() { depth_.set(static_cast<double>(waiting_.size())); }

QueueStatus RequestQueue::status() const {
  const std::scoped_lock lock(mutex_);
  return {.options = options_,
          .waiting = waiting_.size(),
          .running = running_,
          .batches = batches_,
          .rows = rows_,
          .refused = refused_.value(),
          .expired = expired_.value()};
}

}  // namespace millrace::serving
