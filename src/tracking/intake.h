#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"
#include "tracking/logged_models.h"
#include "tracking/traces/trace.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db
namespace millrace::events {
class Log;
}
namespace millrace::lineage {
class Store;
}

namespace millrace::tracking {

// Takes records whole, under the ids that they were given elsewhere: by an MLflow, or by another server. Each call may
// be made again: a record that is there is brought to what is said of it, nothing is doubled, and what only this server
// knows of it (a tag that was added here) stays. What is deleted here stays deleted. Thread-safe. The tables of
// tracking::Store and tracking::Traces must be there.
class Intake {
 public:
  struct Parts {
    db::Database& database;
    lineage::Store& lineage;
    const Clock& clock;
    events::Log* events = nullptr;  // told of a run's end, as tracking::Store tells it; none: nobody is
  };
  explicit Intake(Parts parts) : parts_(parts) {}

  // A new experiment, active and with its times and tags. It keeps its id where that is a free number below a billion;
  // answers the id that it has. kAlreadyExists for a name that is taken.
  Result<std::string> add_experiment(const Experiment& experiment);
  // Its tags, and its place in life.
  Result<void> put_experiment_tags(std::string_view id, const std::vector<Tag>& tags);
  Result<void> put_experiment_stage(std::string_view id, LifecycleStage stage);

  // All but its metrics, into its `experiment_id`. Its artifacts are below that experiment's, unless `artifact_uri`
  // says otherwise. A param that has another value here is kFailedPrecondition. Answers where its artifacts are.
  Result<std::string> put_run(const Run& run);
  // Answers how many points each metric has then.
  Result<std::map<std::string, std::int64_t>> put_points(std::string_view run_id, const std::vector<Metric>& points);
  Result<std::map<std::string, std::int64_t>> count_points(std::string_view run_id) const;

  // Into its `experiment_id`; its artifacts as those of a run. Metrics that are there stay. Answers where they are.
  Result<std::string> put_logged_model(const LoggedModel& model);

 private:
  Result<std::string> artifacts_below(db::Transaction& tx, std::int64_t experiment, std::string_view path) const;
  Result<std::int64_t> put_row(db::Transaction& tx, const Run& run, std::int64_t experiment);
  Result<void> put_parts(db::Transaction& tx, const Run& run, std::int64_t number);

  Parts parts_;
};

}  // namespace millrace::tracking
