#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/entities.h"
#include "tracking/projection.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db
namespace millrace::events {
class Log;
}

namespace millrace::tracking {

struct RunRow {
  std::int64_t number = 0;
  std::string id;
  std::int64_t experiment_id = 0;
  std::string name;
  RunStatus status = RunStatus::kRunning;
  Timestamp start_time;
  std::optional<Timestamp> end_time;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  std::optional<Timestamp> deleted_time;
  std::string artifact_uri;
  std::string user_id;
};
BOOST_DESCRIBE_STRUCT(RunRow, (),
                      (number, id, experiment_id, name, status, start_time, end_time, lifecycle_stage, deleted_time,
                       artifact_uri, user_id))

inline constexpr std::string_view kSelectRuns = R"sql(
select number, id, experiment_id, name, status, start_time, end_time, lifecycle_stage, deleted_time, artifact_uri,
       user_id
from runs
)sql";

// The runs of the rows, in their order, with what is wanted of their params, latest metrics, tags, inputs and outputs.
Result<std::vector<Run>> load_runs(db::Database& database, std::vector<RunRow> rows, const Projection& wanted = {});

// The experiments with these numbers, with their tags; in no order.
Result<std::vector<Experiment>> load_experiments(db::Database& database, const std::vector<std::int64_t>& numbers);

// Where the artifacts of an experiment that says nothing else are: in the server's own store.
std::string default_artifact_location(std::int64_t experiment);

// `path` below a location that may end with a slash or a query.
std::string artifact_uri_below(std::string_view location, std::string_view path);

// Where the artifacts of an experiment are that may be changed: kNotFound, or kFailedPrecondition for a deleted one.
Result<std::string> active_artifact_location(db::Transaction& tx, std::int64_t experiment);

std::unexpected<Error> no_run(std::string_view id);

// A run that may be changed: kNotFound, or kFailedPrecondition for a deleted one.
struct ActiveRun {
  std::int64_t number = 0;
  std::int64_t experiment_id = 0;
};
Result<ActiveRun> active_run(db::Transaction& tx, std::string_view id);

// Publishes run.finished.
Result<void> publish_run_finished(db::Transaction& tx, events::Log& events, const Clock& clock, std::int64_t run);

// The tag mlflow.runName is the run's name as well.
Result<void> set_run_tag(db::Transaction& tx, std::int64_t run, std::string_view key, std::string_view value);

}  // namespace millrace::tracking
