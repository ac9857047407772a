#include "base/ids.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstdlib>

namespace millrace {

std::string RandomIds::next() {
  std::uint64_t words[2];
  if (getrandom(words, sizeof words, 0) != sizeof words) std::abort();
  return fmt::format("{:016x}{:016x}", words[0], words[1]);
}

std::string SeededIds::next() {
  std::lock_guard lock(mutex_);
  auto high = engine_();
  return fmt::format("{:016x}{:016x}", high, engine_());
}

}  // namespace millrace
