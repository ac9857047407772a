#pragma once

#include <map>
#include <string>
#include <vector>

#include "duck/table.h"
#include "monitoring/monitor_spec.h"
#include "monitoring/sample.h"
#include "monitoring/window_result.h"

namespace millrace::monitoring {

// What a window's rows (as read_window() answers them) say by themselves: counts, versions and, for the prediction and
// each shadow, the metrics over the labelled rows.
void summarize(const duck::Table& rows, const std::vector<std::string>& metrics, WindowResult& result);

// Drift of each of `features` that the rows have, against the reference's column of the same name, and of the dataset.
// Features that either side lacks are noted in the result.
void compare(const duck::Table& rows, const std::vector<std::string>& features,
             const std::map<std::string, Column>& reference, const DriftSpec& spec, WindowResult& result);

}  // namespace millrace::monitoring
