#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "monitoring/monitor_spec.h"
#include "monitoring/window_result.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::monitoring {

struct AlertFilter {
  std::string monitor;  // "" for all
  std::string alert;    // "" for all
};

struct MonitorCounts {
  std::int64_t windows = 0;
  std::int64_t alerts = 0;
};

// The tables of this module: monitors (the declared ones), monitor_windows and monitor_alerts.
namespace store {

Result<void> migrate(db::Database& database);

Result<void> replace_specs(db::Database& database, const std::vector<MonitorSpec>& specs);
Result<std::vector<MonitorSpec>> load_specs(db::Database& database);

// False where the window has been recorded before; then nothing is changed.
Result<bool> insert_window(db::Transaction& tx, const WindowResult& result);
// Answers the alert's id.
Result<std::int64_t> insert_alert(db::Transaction& tx, const Alert& alert);

Result<std::optional<WindowResult>> find_window(db::Database& database, const std::string& monitor, Timestamp start);
Result<std::optional<Timestamp>> computed_until(db::Database& database, const std::string& monitor);
Result<std::vector<WindowResult>> list_windows(db::Database& database, const std::string& monitor,
                                               std::optional<Timestamp> before, int limit);
Result<std::vector<Alert>> list_alerts(db::Database& database, const AlertFilter& filter, std::int64_t before,
                                       int limit);
Result<MonitorCounts> count(db::Database& database, const std::string& monitor);

}  // namespace store
}  // namespace millrace::monitoring
