#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/json.h"
#include "base/time.h"
#include "monitoring/drift.h"

namespace millrace::monitoring {

struct DriftSpec {
  DriftOptions options;
  std::vector<std::string> columns;  // empty: all features of the model
  double share = 0.5;                // the dataset has drifted when at least this share of the columns has
  double psi = 0.2;                  // threshold of an alert `when: psi`
};

// When an alert rises: the value of `when` against a threshold. `dataset_drift` and `psi` carry theirs in DriftSpec.
enum class Condition { kDrift, kAbove, kBelow, kAboveReference, kBelowReference };

struct AlertSpec {
  std::string name;
  std::string when;  // dataset_drift, psi, a metric, or one of count_names()
  Condition condition = Condition::kDrift;
  double threshold = 0;  // of kAbove and kBelow; the margin of kAboveReference and kBelowReference
  Position at;
};

// A `kind: Monitor` document.
struct MonitorSpec {
  std::string name;
  std::string description;
  std::string endpoint;
  Position endpoint_at;
  Duration window = std::chrono::days{7};
  Duration label_wait{0};            // a window is computed when the clock reaches its end + label_wait
  std::int64_t min_predictions = 1;  // windows with fewer raise no alerts
  std::optional<DriftSpec> drift;
  std::vector<std::string> metrics;
  std::vector<AlertSpec> alerts;
  Position at;
};

// What an alert may watch besides metrics and drift: predictions, labelled, label_rate, mean_prediction,
// share_positive.
const std::vector<std::string>& count_names();

// The document's spec; nullopt where it had faults, all of which are in `diagnostics`. Whether the endpoint exists is
// for the caller to check.
std::optional<MonitorSpec> parse_monitor(const Node& document, Diagnostics& diagnostics);

// The document that parses to this spec again.
Json to_document(const MonitorSpec& spec);

// The JSON Schema (draft 2020-12) of a Monitor document.
std::string_view monitor_schema();

}  // namespace millrace::monitoring
