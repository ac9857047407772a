#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/replay/chart.h"
#include "cli/replay/story.h"

namespace millrace::cli {

// "week" where the story's windows are weeks, "day" where they are days, else "window".
std::string window_noun(const Story& story);

// A metric of what was answered, and of the baseline on the same rows; NaN where it is not known.
double live_metric(const StoryWindow& window, const std::string& name);
double baseline_metric(const Story& story, const StoryWindow& window, const std::string& name);
bool has_baseline(const Story& story);

// The charts of a story; nullopt where it has nothing to draw.

// Log-loss of the live model and of the baseline, with alerts, gates and the serving version.
Chart loss_chart(const Story& story);
// How much better the live model was than the baseline.
std::optional<Chart> gain_chart(const Story& story);
// How often the label was positive, and how often the predictions said so.
std::optional<Chart> share_chart(const Story& story);
// The share of columns that had drifted.
std::optional<Chart> drift_chart(const Story& story);
// Another metric, live and baseline.
std::optional<Chart> metric_chart(const Story& story, const std::string& metric, std::string title, std::string unit);
// Predictions against what came true, over the whole story.
std::optional<Chart> calibration_chart(const Story& story);

}  // namespace millrace::cli
