#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"

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

struct NewRun {
  std::string experiment = "Default";   // by name; made where there is none
  std::string experiment_id;            // instead of a name
  std::string name;                     // empty: "adjective-noun-123", made from the id
  std::string key;                      // not empty: the run that was created with this key is answered again
  std::optional<Timestamp> start_time;  // default: the clock
  std::vector<Tag> tags;
};

// What one call adds to a run; all of it or, on an error, nothing.
struct Batch {
  std::vector<Metric> metrics;
  std::vector<Param> params;
  std::vector<Tag> tags;
};

struct RunUpdate {
  std::optional<std::string> name;
  std::optional<RunStatus> status;
  std::optional<Timestamp> end_time;  // default when the status becomes a final one: the clock
};

struct RunFilter {
  std::string experiment_id;  // "" for all
  View view = View::kActiveOnly;
};

// Experiments and runs, as MLflow knows them. Experiment "0", "Default", is always there. Thread-safe.
//
// A run is an execution "run:ID" of the lineage graph. Its end publishes run.finished, subject the run's id, data
// {experiment, name, status}.
class Store {
 public:
  struct Parts {
    db::Database& database;
    lineage::Store& lineage;
    events::Log& events;
    const Clock& clock;
    IdSource& ids;
  };
  static Result<std::unique_ptr<Store>> open(Parts parts);

  // kAlreadyExists where the name is taken, be it by a deleted one.
  Result<Experiment> create_experiment(std::string_view name, const std::vector<Tag>& tags = {});
  Result<Experiment> find_experiment(std::string_view id) const;
  Result<Experiment> find_experiment_by_name(std::string_view name) const;
  Result<Page<Experiment>> list_experiments(const PageRequest& page, View view = View::kActiveOnly) const;
  Result<void> rename_experiment(std::string_view id, std::string_view name);
  Result<void> set_experiment_tag(std::string_view id, const Tag& tag);
  // Its runs are deleted and restored with it.
  Result<void> delete_experiment(std::string_view id);
  Result<void> restore_experiment(std::string_view id);

  Result<Run> create_run(const NewRun& run);
  Result<Run> find_run(std::string_view id) const;
  // Newest start first.
  Result<Page<Run>> list_runs(const RunFilter& filter, const PageRequest& page) const;
  Result<Run> update_run(std::string_view id, const RunUpdate& update);
  // update_run to a final status.
  Result<Run> finish(std::string_view id, RunStatus status);
  Result<void> delete_run(std::string_view id);
  Result<void> restore_run(std::string_view id);

  // A param is written once: the same value again is fine, another one is kInvalidArgument. A metric that is there
  // already changes nothing. A tag overwrites. kFailedPrecondition for a deleted run.
  Result<void> log_batch(std::string_view run_id, const Batch& batch);
  Result<void> delete_tag(std::string_view run_id, std::string_view key);
  // In the order of (timestamp, step, value).
  Result<Page<Metric>> metric_history(std::string_view run_id, std::string_view key, const PageRequest& page) const;

 private:
  explicit Store(Parts parts) : parts_(parts) {}
  Result<std::int64_t> experiment_for(db::Transaction& tx, const NewRun& run);
  Result<std::int64_t> insert_experiment(db::Transaction& tx, std::string_view name, const std::vector<Tag>& tags);
  Result<void> insert_run(db::Transaction& tx, const std::string& id, const NewRun& run);
  Result<void> set_stage(std::string_view run_id, LifecycleStage stage);
  Result<void> set_experiment_stage(std::string_view id, LifecycleStage from, LifecycleStage to);
  Result<void> set_status(db::Transaction& tx, std::int64_t run, const RunUpdate& update);
  Result<void> publish_finished(db::Transaction& tx, std::int64_t run);

  Parts parts_;
};

}  // namespace millrace::tracking
