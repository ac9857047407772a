#include "access/throttle.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::access {
namespace {

// A counter is forgotten when nothing has failed for so long.
constexpr Duration kMemory = std::chrono::minutes(15);

std::string key_of(std::string_view address, std::string_view name) { return fmt::format("{}\n{}", address, name); }

}  // namespace

Duration Throttle::wait(std::string_view address, std::string_view name, Timestamp now) const {
  const std::lock_guard lock(mutex_);
  Duration longest{0};
  for (const auto& key : {std::string(address), key_of(address, name)}) {
    const auto found = counters_.find(key);
    if (found != counters_.end()) longest = std::max(longest, found->second.until - now);
  }
  return longest;
}

void Throttle::failed(std::string_view address, std::string_view name, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (counters_.size() >= limits_.kept) forget_idle(now);
  count(std::string(address), limits_.of_address, now);
  count(key_of(address, name), limits_.of_name, now);
}

void Throttle::succeeded(std::string_view address, std::string_view name) {
  const std::lock_guard lock(mutex_);
  counters_.erase(key_of(address, name));
}

void Throttle::count(const std::string& key, int free, Timestamp now) {
  auto& counter = counters_[key];
  if (counter.failures > 0 && now - counter.until > kMemory) counter = {};
  ++counter.failures;
  const int beyond = std::clamp(counter.failures - free, 0, 20);
  counter.until = now + (beyond == 0 ? Duration{0} : std::min(limits_.first * (1 << (beyond - 1)), limits_.longest));
}

void Throttle::forget_idle(Timestamp now) {
  std::erase_if(counters_, [&](const auto& entry) { return entry.second.until <= now; });
  if (counters_.size() >= limits_.kept) counters_.clear();
}

}  // namespace millrace::access
