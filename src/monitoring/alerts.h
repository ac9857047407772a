#pragma once

#include <span>
#include <vector>

#include "monitoring/monitor_spec.h"
#include "monitoring/window_result.h"

namespace millrace::monitoring {

struct AlertDecisions {
  std::vector<Alert> raised;       // in the order of the document
  std::vector<std::string> notes;  // alerts that could not be judged, and why
};

// Which alerts a window raises. An empty window, or one with fewer than min_predictions predictions, raises none; a
// value that is NaN raises none.
AlertDecisions evaluate_alerts(const MonitorSpec& spec, const WindowResult& result);

}  // namespace millrace::monitoring
