#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "monitoring/labels.h"
#include "monitoring/monitor_spec.h"
#include "monitoring/store.h"
#include "monitoring/window_result.h"

namespace millrace::duck {
class Connection;
class Database;
}  // namespace millrace::duck
namespace millrace::datasets {
struct Version;
}
namespace millrace::events {
class Log;
}

namespace millrace::monitoring {

class ReferenceCache;

// What a window is compared with.
struct Reference {
  std::filesystem::path training_set;     // Parquet
  std::vector<std::string> features;      // empty: the columns that the training set and the prediction log share
  std::map<std::string, double> metrics;  // of this version, at its gate
};

// What monitoring stands on; all outlive it.
struct Foundation {
  db::Database& db;
  events::Log& events;
  datasets::Datasets& datasets;
  duck::Database& duck;
  // Makes every prediction answered so far part of the dataset ENDPOINT.predictions, which has at least the columns id,
  // event_time, version and prediction, and a column shadow_NAME for each shadow.
  std::function<Result<void>(const std::string& endpoint)> commit_predictions;
  // kNotFound where a version has no reference: drift is then not computed.
  std::function<Result<Reference>(const std::string& endpoint, const std::string& version)> find_reference;
};

struct DueWindow {
  std::string monitor;
  Window window;
};

struct MonitorInfo {
  MonitorSpec spec;
  std::int64_t windows = 0;
  std::int64_t alerts = 0;
  std::optional<WindowResult> newest;
};

// The monitors of a project: what they watch, what they found. Thread-safe; windows are computed one at a time.
class Monitors {
 public:
  static Result<std::unique_ptr<Monitors>> open(Foundation foundation);
  ~Monitors();

  // From now on there are these monitors and no others. What former ones found stays.
  Result<void> apply(const std::vector<MonitorSpec>& specs);

  Labels& labels() { return labels_; }

  // What is to be computed at `now`, by end of the window, then by monitor.
  Result<std::vector<DueWindow>> due(Timestamp now);

  // Computes a window, records it with its alerts and publishes alert.raised (subject MONITOR.ALERT) for each and
  // monitor.window_closed (subject MONITOR), all in one transaction with the event time WindowResult::computed_at. A
  // window that has been computed is answered as it was, and nothing is published.
  Result<WindowResult> compute(const std::string& monitor, Window window);

  // Computes all that is due, in order; how many windows that were. A window that cannot be computed stops it.
  Result<std::int64_t> advance(Timestamp now);

  Result<MonitorInfo> find_monitor(const std::string& name) const;  // kNotFound with the nearest name
  Result<std::vector<MonitorInfo>> list_monitors() const;           // by name

  Result<WindowResult> find_window(const std::string& monitor, Timestamp start) const;
  // Newest first, those that start before `before`.
  Result<std::vector<WindowResult>> list_windows(const std::string& monitor, std::optional<Timestamp> before,
                                                 int limit) const;
  // Newest first, those with an id below `before` (0: all).
  Result<std::vector<Alert>> list_alerts(const AlertFilter& filter, std::int64_t before, int limit) const;

 private:
  explicit Monitors(Foundation foundation);
  Result<MonitorSpec> spec_of(const std::string& name) const;
  Result<std::vector<Window>> due_of(const MonitorSpec& spec, Timestamp now);
  Result<std::optional<Timestamp>> first_prediction(const MonitorSpec& spec, Timestamp now);
  Result<WindowResult> analyse(const MonitorSpec& spec, Window window);
  Result<void> compare_with_training(duck::Connection& connection, const MonitorSpec& spec,
                                     const datasets::Version& predictions, WindowResult& result);
  Result<void> record(const WindowResult& result, const std::vector<Alert>& alerts);

  Foundation foundation_;
  Labels labels_;
  mutable std::mutex specs_mutex_;
  std::map<std::string, MonitorSpec> specs_;
  std::mutex compute_mutex_;
  std::map<std::string, Timestamp> looked_until_;  // monitors whose endpoint had not answered by then; compute_mutex_
  std::unique_ptr<ReferenceCache> references_;     // compute_mutex_
};

}  // namespace millrace::monitoring
