#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "serving/runtimes/python_host.h"
#include "serving/runtimes/python_worker.h"
#include "serving/runtimes/worker_status.h"

namespace millrace::serving {

// The workers of one model. A thread of its own looks after those that nobody uses: it asks them now and then whether
// they are well, and starts again those that have ended (restart.h). Thread-safe.
class WorkerPool {
 public:
  // Returns when all have loaded the model, or with the first error.
  static Result<std::unique_ptr<WorkerPool>> start(PythonHost& host, const WorkerSettings& settings,
                                                   std::size_t workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // A worker that is this object's alone until it is destroyed.
  class Loan {
   public:
    Loan(WorkerPool& pool, std::size_t slot, PythonWorker& worker) : pool_(&pool), slot_(slot), worker_(&worker) {}
    Loan(Loan&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), slot_(other.slot_), worker_(other.worker_) {}
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (pool_) pool_->give_back(slot_);
    }
    PythonWorker* operator->() const { return worker_; }

   private:
    WorkerPool* pool_;
    std::size_t slot_;
    PythonWorker* worker_;
  };
  // Waits for one. kUnavailable where they do not start, kDeadlineExceeded where none was free until then.
  Result<Loan> borrow(Moment deadline);

  // What runs fails soon; nothing is lent any more.
  void stop();

  const WorkerMessage& loaded() const { return loaded_; }
  std::vector<WorkerStatus> status() const;

 private:
  struct Slot {
    enum class State { kIdle, kLent, kStarting, kDown } state = State::kIdle;
    std::unique_ptr<PythonWorker> worker;  // null while it is down or being started
    int failures_in_a_row = 0;
    Moment checked_at;
    Moment restart_at;  // while it is down
    std::uint64_t restarts = 0;
    std::string problem;  // why it ended last
  };

  WorkerPool(PythonHost& host, WorkerSettings settings, std::size_t workers);

  Result<void> start_all();
  void give_back(std::size_t slot);
  Slot* find(Slot::State state);
  std::string refusal();
  void look_after(std::stop_token stop);
  void look_after_slot(Slot& slot, std::unique_lock<std::mutex>& lock);
  void check(Slot& slot, std::unique_lock<std::mutex>& lock);
  void restart(Slot& slot, std::unique_lock<std::mutex>& lock);
  void retire(Slot& slot, std::string problem);

  PythonHost& host_;
  const WorkerSettings settings_;
  metrics::Counter& restarts_;
  WorkerMessage loaded_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Slot> slots_;  // guarded by mutex_, but for a worker that is lent
  std::stop_source stopping_;
  std::jthread keeper_;
};

}  // namespace millrace::serving
