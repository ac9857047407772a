#include "serving/runtimes/restart.h"

#include <algorithm>

namespace millrace::serving {

RestartDecision decide_restart(int failures_in_a_row) {
  constexpr int kDoublings = 6;
  constexpr int kHopeful = 2;
  if (failures_in_a_row <= 1) return {};
  const std::chrono::seconds delay(1 << std::min(failures_in_a_row - 2, kDoublings));
  return {.delay = std::min<Duration>(delay, std::chrono::minutes(1)), .requests_wait = failures_in_a_row <= kHopeful};
}

}  // namespace millrace::serving
