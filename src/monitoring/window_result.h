#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "monitoring/drift.h"
#include "monitoring/performance.h"
#include "monitoring/window.h"

namespace millrace::monitoring {

// How the labelled rows of a window were predicted by the live model or by a shadow.
struct Performance {
  std::string column;                     // "prediction", or "shadow_baseline"
  std::int64_t rows = 0;                  // with a label and a finite prediction
  double mean_prediction = 0;             // of all predictions of the window; NaN without any
  std::map<std::string, double> metrics;  // NaN where undefined
  std::vector<CalibrationBin> calibration;
};

struct VersionShare {
  std::string version;
  std::int64_t predictions = 0;
  Timestamp first;  // event time of its first prediction in the window
};

// What a monitor found in one window.
struct WindowResult {
  std::string monitor;
  std::string endpoint;
  Window window;
  Timestamp computed_at;  // window end + label_wait: labels that became known later do not count
  bool partial = false;   // the endpoint began to answer inside this window
  std::int64_t predictions = 0;
  std::int64_t labelled = 0;
  double share_positive = 0;             // of the labelled; NaN without labels
  std::vector<VersionShare> versions;    // in the order of their first prediction
  std::string version;                   // that answered last; drift and references are this version's
  std::vector<Performance> performance;  // the live predictions first
  std::vector<ColumnDrift> columns;      // by name
  DatasetDrift drift;
  std::map<std::string, double> reference_metrics;  // of `version`, at its gate
  std::vector<std::string> notes;                   // what could not be computed, and why

  double label_rate() const;
  const Performance* live() const;  // nullptr in an empty window, and where predictions are not single numbers
};

// A broken threshold.
struct Alert {
  std::int64_t id = 0;
  std::string monitor;
  std::string alert;
  Window window;
  Timestamp event_time;
  std::string metric;  // what was watched
  double value = 0;
  double threshold = 0;
  std::string message;  // "log_loss 0.512 is above 0.5"
};

Json to_json(const WindowResult& result);
Json to_json(const Alert& alert);
Result<WindowResult> window_result_from_json(const Json& json);

}  // namespace millrace::monitoring
