#include "serving/runtimes/worker_pool.h"

#include <algorithm>
#include <future>

#include "base/log.h"
#include "serving/runtimes/restart.h"

namespace millrace::serving {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kLookEvery(200);
constexpr seconds kCheckEvery(5);
constexpr seconds kCheckTimeout(5);

}  // namespace

WorkerPool::WorkerPool(PythonHost& host, WorkerSettings settings, std::size_t workers)
    : host_(host),
      settings_(std::move(settings)),
      restarts_(host.metrics().counter("millrace_worker_restarts_total", "Python workers that were started again.",
                                       {{"model", settings_.model}})),
      slots_(workers) {}

WorkerPool::~WorkerPool() {
  stop();
  keeper_.request_stop();
  changed_.notify_all();
}

Result<std::unique_ptr<WorkerPool>> WorkerPool::start(PythonHost& host, const WorkerSettings& settings,
                                                      std::size_t workers) {
  std::unique_ptr<WorkerPool> pool(new WorkerPool(host, settings, workers));
  TRY(pool->start_all());
  pool->keeper_ = std::jthread([raw = pool.get()](std::stop_token stop) { raw->look_after(stop); });
  return pool;
}

// All at once, since most of the time is Python's imports.
Result<void> WorkerPool::start_all() {
  std::vector<std::future<Result<std::unique_ptr<PythonWorker>>>> starts;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    starts.push_back(std::async(std::launch::async, [this] { return host_.start(settings_, stopping_.get_token()); }));
  }
  Result<void> result;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto worker = starts[i].get();
    if (!worker && result) result = std::unexpected(worker.error());
    if (!worker) continue;
    slots_[i].worker = std::move(*worker);
    slots_[i].checked_at = Steady::now();
  }
  if (result) loaded_ = slots_.front().worker->loaded();
  return result;
}

WorkerPool::Slot* WorkerPool::find(Slot::State state) {
  const auto found = std::ranges::find(slots_, state, &Slot::state);
  return found == slots_.end() ? nullptr : &*found;
}

// Why nobody should wait; "" where a worker is there or soon will be.
std::string WorkerPool::refusal() {
  if (stopping_.stop_requested()) return "the model is being unloaded";
  for (const Slot& slot : slots_) {
    if (slot.state == Slot::State::kIdle || slot.state == Slot::State::kLent) return "";
    if (decide_restart(slot.failures_in_a_row).requests_wait) return "";
  }
  return fmt::format("the model's Python workers end as soon as they start; the last one: {}", slots_.front().problem);
}

Result<WorkerPool::Loan> WorkerPool::borrow(Moment deadline) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (auto why = refusal(); !why.empty()) return unavailable("{}", why);
    if (Slot* slot = find(Slot::State::kIdle)) {
      slot->state = Slot::State::kLent;
      return Loan(*this, static_cast<std::size_t>(slot - slots_.data()), *slot->worker);
    }
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) {
      return fail(Code::kDeadlineExceeded, "none of the model's Python workers became free in time");
    }
  }
}

void WorkerPool::give_back(std::size_t index) {
  const std::scoped_lock lock(mutex_);
  Slot& slot = slots_[index];
  slot.state = Slot::State::kIdle;
  slot.checked_at = Steady::now();
  if (slot.worker->usable()) slot.failures_in_a_row = 0;
  if (!slot.worker->usable()) retire(slot, slot.worker->problem());
  changed_.notify_all();
}

void WorkerPool::retire(Slot& slot, std::string problem) {
  ++slot.failures_in_a_row;
  slot.problem = std::move(problem);
  slot.worker.reset();
  slot.state = Slot::State::kDown;
  const auto decision = decide_restart(slot.failures_in_a_row);
  slot.restart_at = Steady::now() + decision.delay;
  if (stopping_.stop_requested()) return;
  log::warn("a Python worker has ended",
            {{"model", settings_.model}, {"why", slot.problem}, {"restart_in", format_duration(decision.delay)}});
}

void WorkerPool::stop() {
  stopping_.request_stop();
  const std::scoped_lock lock(mutex_);
  changed_.notify_all();
}

void WorkerPool::look_after(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    for (Slot& slot : slots_) {
      if (!stopping_.stop_requested()) look_after_slot(slot, lock);
    }
    changed_.wait_for(lock, kLookEvery);
  }
}

void WorkerPool::look_after_slot(Slot& slot, std::unique_lock<std::mutex>& lock) {
  const auto now = Steady::now();
  if (slot.state == Slot::State::kDown && now >= slot.restart_at) restart(slot, lock);
  if (slot.state != Slot::State::kIdle) return;
  if (slot.worker->has_ended() || now - slot.checked_at >= kCheckEvery) check(slot, lock);
}

void WorkerPool::check(Slot& slot, std::unique_lock<std::mutex>& lock) {
  slot.state = Slot::State::kLent;
  lock.unlock();
  const auto well = slot.worker->check(Steady::now() + kCheckTimeout);
  lock.lock();
  slot.state = Slot::State::kIdle;
  slot.checked_at = Steady::now();
  if (!well) retire(slot, well.error().message);
  changed_.notify_all();
}

void WorkerPool::restart(Slot& slot, std::unique_lock<std::mutex>& lock) {
  slot.state = Slot::State::kStarting;
  ++slot.restarts;
  restarts_.add();
  lock.unlock();
  auto worker = host_.start(settings_, stopping_.get_token());
  lock.lock();
  if (worker) {
    slot.worker = std::move(*worker);
    slot.state = Slot::State::kIdle;
    slot.checked_at = Steady::now();
  } else {
    retire(slot, worker.error().message);
  }
  changed_.notify_all();
}

std::vector<WorkerStatus> WorkerPool::status() const {
  const std::scoped_lock lock(mutex_);
  std::vector<WorkerStatus> list;
  for (const Slot& slot : slots_) {
    const bool there = slot.worker != nullptr;
    list.push_back({.pid = there ? slot.worker->pid() : 0,
                    .resident_bytes = there ? slot.worker->resident_bytes() : 0,
                    .restarts = slot.restarts,
                    .problem = slot.problem});
  }
  return list;
}

}  // namespace millrace::serving
