#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
class Log;
}

namespace millrace::delivery {

// A gate's decision, kept with what it stood on.
struct GateRecord {
  std::int64_t id = 0;
  std::string key;  // the pipeline run and step that asked; one key is one decision
  std::string model;
  std::int64_t version = 0;                      // the challenger
  std::optional<std::int64_t> champion_version;  // none: there was none
  std::string pipeline_run;
  std::string metric;
  double challenger = 0;
  std::optional<double> champion;
  double margin = 0;
  std::int64_t rows = 0;
  bool passed = false;
  std::string reason;
  std::string evidence;  // JSON
  Timestamp event_time;
};

// The decisions of all gates. Thread-safe.
class Gates {
 public:
  static Result<std::unique_ptr<Gates>> open(db::Database& database, events::Log& events);

  // Publishes gate.decided, subject the model, in the same transaction. The same key again answers the first record.
  Result<GateRecord> record(const GateRecord& gate);

  // The value of `metric` that a version showed at its gate.
  Result<std::optional<double>> metric_of(const std::string& model, std::int64_t version,
                                          const std::string& metric) const;

  // The newest decision on a version.
  Result<std::optional<GateRecord>> newest(const std::string& model, std::int64_t version) const;

  // Newest first, those with an id below `before` (0: all).
  Result<std::vector<GateRecord>> list(std::int64_t before, int limit) const;

 private:
  Gates(db::Database& database, events::Log& events) : database_(database), events_(events) {}

  db::Database& database_;
  events::Log& events_;
};

}  // namespace millrace::delivery
