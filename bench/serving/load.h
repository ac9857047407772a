#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "dialog.h"

namespace millrace::bench {

// Every connection has at most one request under way, and takes the requests of the script in turn.
struct LoadPlan {
  std::uint16_t port = 0;  // of 127.0.0.1
  int connections = 16;
  int threads = 1;
  double warm_up = 0.5;  // seconds that are not counted
  double seconds = 3;
  // Requests a second in all, due at random moments (a Poisson process) whether those before are answered or not; one
  // that finds all connections busy waits, and its wait counts. 0: each connection asks as soon as it is answered.
  double rate = 0;
};

struct LoadReport {
  std::vector<std::uint32_t> latencies_ns;  // of what was asked in the time that counts; from the moment it was due
  std::vector<std::uint32_t> late_ns;       // how much after that moment it was sent, where a connection was free
  std::uint64_t answers = 0;                // good ones in the time that counts
  std::uint64_t sent = 0;                   // all, also outside that time
  std::uint64_t failures = 0;               // refused, lost or never answered
  std::string first_failure;
  double seconds = 0;
};

// kUnavailable where nobody listens.
Result<LoadReport> run_load(const LoadPlan& plan, const Script& script);

// Asks everything once, one after the other; kInternal with what came instead of a good answer.
Result<std::vector<std::string>> ask_once(std::uint16_t port, const Script& script);

}  // namespace millrace::bench
