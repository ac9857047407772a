#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/client.h"
#include "base/json.h"
#include "base/result.h"
#include "cli/replay/driver.h"
#include "delivery/project_spec.h"

namespace millrace::cli {

// Predictions near one probability, and how often they came true.
struct StoryBin {
  double mean_prediction = 0;
  double share_positive = 0;
  std::int64_t rows = 0;
};

// A window of an endpoint's monitor, and what happened at its end.
struct StoryWindow {
  Timestamp start, end;
  std::int64_t predictions = 0;
  std::int64_t labelled = 0;
  double share_positive = 0;
  std::map<std::string, double> live;                            // metrics of what was answered
  std::map<std::string, std::map<std::string, double>> shadows;  // by alias
  std::string version;                                           // that answered last
  double drifted_share = 0;
  bool drifted = false;  // by the monitor's rule
  std::vector<std::string> drifted_columns;
  double mean_prediction = 0;         // of what was answered; NaN without predictions
  std::vector<StoryBin> calibration;  // of what was answered, by ascending prediction
  std::vector<std::string> happened;  // "drift", "retrained v3", "rejected v4", "promoted v5"
};

// What a replay did, as the server recorded it.
struct Story {
  std::string project;
  std::string endpoint;
  std::string model;
  std::string alias;  // of the model, that the endpoint answers with
  std::string monitor;
  std::string label;                 // the truth's name
  double drift_threshold = 0;        // share of drifted columns from which a window has drifted; NaN: not known
  std::string baseline;              // the shadow alias that live is compared with; may be empty
  std::vector<StoryWindow> windows;  // oldest first
  std::int64_t predictions = 0, failures = 0, labels = 0, batches = 0, retried = 0;
  std::int64_t rows = 0, quarantined = 0;
  double live_log_loss = 0, baseline_log_loss = 0;  // over all labelled predictions of the windows
  double p50_seconds = 0, p99_seconds = 0;
  double seconds = 0;
  std::int64_t peak_resident_bytes = 0;  // of all processes together
  std::string decisions_hash;            // over every alert, gate and alias change: equal for equal decisions
  Json gates = Json::array();
  Json alerts = Json::array();
  Json promotions = Json::array();
};

// Asks the server for the records of the replay's endpoint.
Result<Story> collect_story(api::ApiClient& api, const delivery::ReplaySpec& spec);

// One line a window, then totals.
std::string story_table(const Story& story);
Json story_json(const Story& story);

// One HTML file that opens offline, with charts of the story.
std::string story_report(const Story& story);

}  // namespace millrace::cli
