#pragma once

#include <string>
#include <vector>

#include "duck/table.h"
#include "monitoring/monitor_spec.h"
#include "monitoring/window_result.h"
#include "monitoring/window_rows.h"

namespace millrace::monitoring {

// What a window's rows (as read_window() answers them) say by themselves: counts, versions and, for the prediction and
// each shadow, the metrics over the labelled rows.
void summarize(const duck::Table& rows, const std::vector<std::string>& metrics, WindowResult& result);

// Drift of each of `features`, and of the dataset. Features that either side lacks are noted in the result.
void compare(const std::vector<std::string>& features, const Columns& reference, const Columns& current,
             const DriftSpec& spec, WindowResult& result);

}  // namespace millrace::monitoring
