#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace millrace {

// A T that is made when it is first asked for. Asking takes no lock, whoever else asks meanwhile.
template <typename T>
class Lazy {
 public:
  Lazy() = default;
  ~Lazy() { delete made_.load(std::memory_order_relaxed); }
  Lazy(const Lazy&) = delete;
  Lazy& operator=(const Lazy&) = delete;

  T& get() {
    T* found = made_.load(std::memory_order_acquire);
    if (found != nullptr) [[likely]]
      return *found;
    auto fresh = std::make_unique<T>();
    if (made_.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
    return *found;
  }
  // nullptr where nobody has asked for it yet.
  const T* find() const { return made_.load(std::memory_order_acquire); }

 private:
  std::atomic<T*> made_{nullptr};
};

inline constexpr std::size_t kShards = 16;

// The calling thread's: those that come first, as a server's loops do, each have one of their own.
inline std::size_t this_threads_shard() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

// A T for each thread, so that threads which count do not write to each other's cache lines. More threads than kShards
// share: T must be thread-safe.
template <typename T>
class Sharded {
 public:
  T& mine() { return shards_[this_threads_shard()].get().value; }

  template <typename Visit>
  void visit_all(const Visit& visit) const {
    for (const auto& shard : shards_) {
      if (const auto* made = shard.find()) visit(made->value);
    }
  }

 private:
  struct alignas(64) Alone {
    T value;
  };
  std::array<Lazy<Alone>, kShards> shards_;
};

}  // namespace millrace
