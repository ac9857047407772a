#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

namespace millrace {

// A value that many threads read and, rarely, one replaces. Reading takes no lock and never waits for the writer;
// replacing waits until nobody reads the old value any more and then destroys it, on the writer's thread. (libstdc++
// 12's atomic<shared_ptr> takes a lock and moves a shared counter on every read; a copy cached by each thread would
// keep the old value alive as long as a thread is idle.)
//
// It is Michael's hazard pointers (IEEE TPDS 15(6), 2004) with one hazard a read: the reader writes the address down in
// a slot and looks again whether it is still the published one; the writer, having published, waits for each slot that
// holds the old address.
template <typename T>
class Published {
 public:
  explicit Published(std::unique_ptr<const T> value) : current_(value.release()) {}
  // Nobody may be reading.
  ~Published() { delete current_.load(std::memory_order_relaxed); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // What read() answers: the value, which lives as long as this does. Short-lived, and for the thread that read it.
  class Lease {
   public:
    Lease(Lease&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)), value_(other.value_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() { release(); }
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_; }
    void release() {
      if (auto* slot = std::exchange(slot_, nullptr)) slot->store(nullptr, std::memory_order_release);
    }

   private:
    friend class Published;
    Lease(std::atomic<const T*>* slot, const T* value) : slot_(slot), value_(value) {}
    std::atomic<const T*>* slot_;
    const T* value_;
  };

  Lease read() const {
    std::size_t at = std::hash<std::thread::id>{}(std::this_thread::get_id());
    for (;; ++at) {
      std::atomic<const T*>& slot = slots_[at % kSlots].holds;
      const T* value = current_.load(std::memory_order_acquire);
      const T* free = nullptr;
      if (!slot.compare_exchange_strong(free, value)) continue;  // another reader's
      for (const T* seen = current_.load(); seen != value; seen = current_.load()) slot.store(value = seen);
      return Lease(&slot, value);
    }
  }

  // One writer at a time, which must hold no lease.
  void publish(std::unique_ptr<const T> value) {
    const std::unique_ptr<const T> old(current_.exchange(value.release()));
    for (const Slot& slot : slots_) {
      while (slot.holds.load() == old.get()) std::this_thread::yield();
    }
  }

 private:
  static constexpr std::size_t kSlots = 128;  // more readers at once than this take turns
  struct alignas(64) Slot {
    std::atomic<const T*> holds{nullptr};
  };

  std::atomic<const T*> current_;
  mutable std::array<Slot, kSlots> slots_;
};

}  // namespace millrace
