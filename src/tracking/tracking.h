#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"
#include "tracking/search.h"

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

struct ActiveRun;

struct NewExperiment {
  std::string name;
  std::string artifact_location;  // default: mlflow-artifacts:/ID, the server's own store
  std::vector<Tag> tags;
};

struct NewRun {
  std::string experiment = "Default";   // by name; made where there is none
  std::string experiment_id;            // instead of a name
  std::string name;                     // empty: "adjective-noun-123", made from the id
  std::string key;                      // not empty: the run that was created with this key is answered again
  std::optional<Timestamp> start_time;  // default: the clock
  std::string user_id;
  std::vector<Tag> tags;
};

// What one call adds to a run; all of it or, on an error, nothing.
struct Batch {
  std::vector<Metric> metrics;
  std::vector<Param> params;
  std::vector<Tag> tags;
};

// Many points of one metric.
struct NewSeries {
  std::string key;
  std::vector<Point> points;
};

struct RunUpdate {
  std::optional<std::string> name;
  std::optional<RunStatus> status;
  std::optional<Timestamp> end_time;  // default when the status becomes a final one: the clock
  std::vector<Tag> tags;
};

struct HistoryRequest {
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  std::string after;  // the `next` of the page before
};

struct SampleRequest {
  std::int64_t limit = 0;
  std::int64_t from_step = std::numeric_limits<std::int64_t>::min();
  std::int64_t to_step = std::numeric_limits<std::int64_t>::max();
};

// Experiments and runs, as MLflow knows them. Experiment "0", "Default", is always there. Thread-safe.
//
// A run is an execution "run:ID" of the lineage graph. Its end publishes run.finished, subject the run's id, data
// {experiment, name, status}. Errors are in MLflow's words. What is written here by many threads at once shares
// commits.
class Store {
 public:
  struct Parts {
    db::Database& database;
    lineage::Store& lineage;
    events::Log& events;
    const Clock& clock;
    IdSource& ids;
    // Called after each change of a run, with the numbers of its experiment and its own; by many threads.
    std::function<void(std::int64_t experiment, std::int64_t run)> run_changed = {};
  };
  static Result<std::unique_ptr<Store>> open(Parts parts);

  // kAlreadyExists where the name is taken, be it by a deleted one.
  Result<Experiment> create_experiment(const NewExperiment& experiment);
  Result<Experiment> find_experiment(std::string_view id) const;
  Result<Experiment> find_experiment_by_name(std::string_view name) const;
  // kFailedPrecondition for these three where it is deleted.
  Result<Page<Experiment>> search_experiments(const Search& search) const;
  Result<void> rename_experiment(std::string_view id, std::string_view name);
  Result<void> set_experiment_tag(std::string_view id, const Tag& tag);
  Result<void> delete_experiment_tag(std::string_view id, std::string_view key);
  // Its runs are deleted and restored with it.
  Result<void> delete_experiment(std::string_view id);
  Result<void> restore_experiment(std::string_view id);

  Result<Run> create_run(const NewRun& run);
  Result<Run> find_run(std::string_view id) const;
  Result<Page<Run>> search_runs(const RunSearch& search) const;
  // Calls `visit` with each of these runs, in order, and holds few of them at a time; answers the page's `next`.
  Result<std::string> visit_runs(const RunSearch& search, const std::function<void(const Run&)>& visit) const;
  // How many runs all pages have.
  Result<std::int64_t> count_runs(const RunSearch& search) const;
  Result<Run> update_run(std::string_view id, const RunUpdate& update);
  // update_run to a final status.
  Result<Run> finish(std::string_view id, RunStatus status);
  Result<void> delete_run(std::string_view id);
  Result<void> restore_run(std::string_view id);

  // A param is written once: the same value again is fine, another one is kInvalidArgument. A metric that is there
  // already changes nothing. A tag overwrites. kFailedPrecondition for a deleted run.
  Result<void> log_batch(std::string_view run_id, const Batch& batch);
  // The same for whole series of any length, each in the order in which it was measured; other writers wait meanwhile,
  // a second for some 300 000 points.
  Result<void> log_series(std::string_view run_id, const std::vector<NewSeries>& series);
  Result<void> set_tag(std::string_view run_id, const Tag& tag);
  Result<void> delete_tag(std::string_view run_id, std::string_view key);
  // Datasets and logged models that the run read, and models that it made.
  Result<void> log_inputs(std::string_view run_id, const std::vector<DatasetInput>& inputs,
                          const std::vector<std::string>& model_ids);
  Result<void> log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models);
  // As clients before MLflow 3 log a model: added to the list in the tag mlflow.log-model.history.
  Result<void> log_model(std::string_view run_id, const Json& model);
  // At most 1000.
  Result<std::vector<DatasetSummary>> list_datasets(const std::vector<std::string>& experiment_ids) const;

  // In the order of (timestamp, step, value). Empty where there is no such run or metric.
  Result<Page<Point>> metric_history(std::string_view run_id, std::string_view key,
                                     const HistoryRequest& request) const;
  // At most `limit` points, evenly spread over those in the range of steps in order of (step, timestamp, value), the
  // first and the last among them. Costs no more than they where the metric was logged in order, at equal distances.
  Result<std::vector<Point>> sample_metric(std::string_view run_id, std::string_view key,
                                           const SampleRequest& request) const;

 private:
  explicit Store(Parts parts) : parts_(std::move(parts)) {}
  // Changes a run that is not deleted.
  using RunWork = std::function<Result<void>(db::Transaction&, const ActiveRun&)>;
  Result<void> change_run(std::string_view id, const RunWork& work);
  Result<std::int64_t> experiment_for(db::Transaction& tx, const NewRun& run);
  Result<std::int64_t> insert_experiment(db::Transaction& tx, const NewExperiment& experiment);
  Result<void> insert_run(db::Transaction& tx, const std::string& id, const NewRun& run);
  Result<void> set_stage(std::string_view run_id, LifecycleStage stage);
  Result<void> set_experiment_stage(std::string_view id, LifecycleStage from, LifecycleStage to);
  Result<void> set_status(db::Transaction& tx, std::int64_t run, const RunUpdate& update);

  Parts parts_;
};

}  // namespace millrace::tracking
