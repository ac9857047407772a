#include "base/ids.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "base/hash.h"

namespace millrace {
namespace {

// Bytes of the system's randomness, drawn for many ids at once: a system call for each is dearer than the rest of it.
class RandomBytes {
 public:
  static constexpr std::size_t kId = 16;

  // Valid until the next call.
  std::string_view next() {
    if (at_ == bytes_.size()) refill();
    at_ += kId;
    return {bytes_.data() + at_ - kId, kId};
  }

 private:
  void refill() {
    if (getrandom(bytes_.data(), bytes_.size(), 0) != static_cast<ssize_t>(bytes_.size())) std::abort();
    at_ = 0;
  }

  std::array<char, 16 * kId> bytes_;  // as many as a signal cannot cut short
  std::size_t at_ = bytes_.size();
};

}  // namespace

std::string RandomIds::next() {
  thread_local RandomBytes random;
  return to_hex(random.next());
}

std::string SeededIds::next() {
  std::lock_guard lock(mutex_);
  auto high = engine_();
  return fmt::format("{:016x}{:016x}", high, engine_());
}

}  // namespace millrace
