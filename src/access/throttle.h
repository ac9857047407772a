#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace millrace::access {

// Slows down who guesses passwords. Failures are counted for each address, and for each name at an address, so that
// nobody can lock another out from elsewhere: after `free` of them each further one doubles the wait before the next is
// looked at, up to `longest`. A success forgets those of the name. Bounded; thread-safe.
class Throttle {
 public:
  struct Limits {
    int of_name = 5;
    int of_address = 50;
    Duration first = std::chrono::seconds(1);
    Duration longest = std::chrono::minutes(1);
    std::size_t kept = 10'000;  // counters; when there are more, the idle ones are forgotten
  };

  Throttle() = default;
  explicit Throttle(Limits limits) : limits_(limits) {}

  // How long until a login of this name from this address is looked at; zero for now.
  Duration wait(std::string_view address, std::string_view name, Timestamp now) const;
  void failed(std::string_view address, std::string_view name, Timestamp now);
  void succeeded(std::string_view address, std::string_view name);

 private:
  struct Counter {
    int failures = 0;
    Timestamp until;
  };
  void count(const std::string& key, int free, Timestamp now);
  void forget_idle(Timestamp now);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Counter> counters_;
};

}  // namespace millrace::access
