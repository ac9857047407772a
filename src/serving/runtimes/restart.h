#pragma once

#include "base/time.h"

namespace millrace::serving {

// What is done about a worker process that has ended.
struct RestartDecision {
  Duration delay{0};          // before it is started again
  bool requests_wait = true;  // whether requests wait for it, or are refused meanwhile
};

// Decides by how often in a row it has ended without having answered a batch in between: the first time it is started
// again at once, then after 1 s, 2 s, 4 s, ... and at last every minute.
RestartDecision decide_restart(int failures_in_a_row);

}  // namespace millrace::serving
