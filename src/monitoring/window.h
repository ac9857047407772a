#pragma once

#include <optional>
#include <vector>

#include "base/time.h"

namespace millrace::monitoring {

// A span of event time: start <= t < end.
struct Window {
  Timestamp start;
  Timestamp end;
  bool operator==(const Window&) const = default;
};

// The window of this length that holds `time`. Lengths that are multiples of seven days begin on a Monday, 00:00 UTC;
// all others are counted from 1970-01-01.
Window window_of(Timestamp time, Duration length);

struct DueInput {
  Duration window;
  Duration label_wait;
  std::optional<Timestamp> first_prediction;  // nullopt: the endpoint has not answered yet
  std::optional<Timestamp> computed_until;    // end of the newest window that was computed
};

// The windows that are to be computed at `now`, oldest first, at most `limit`: those that end at least label_wait
// before and were not computed. They begin with the window of the first prediction, also where that lies in its middle.
std::vector<Window> due_windows(const DueInput& input, Timestamp now, std::size_t limit = 1000);

// The end of the newest window that could be due at `now`, whatever was predicted.
Timestamp newest_due_end(Duration window, Duration label_wait, Timestamp now);

}  // namespace millrace::monitoring
