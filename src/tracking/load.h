#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/entities.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

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
};
BOOST_DESCRIBE_STRUCT(RunRow, (),
                      (number, id, experiment_id, name, status, start_time, end_time, lifecycle_stage, deleted_time,
                       artifact_uri))

inline constexpr std::string_view kSelectRuns = R"sql(
select number, id, experiment_id, name, status, start_time, end_time, lifecycle_stage, deleted_time, artifact_uri
from runs
)sql";

// The runs of the rows, in their order, with params, latest metrics and tags.
Result<std::vector<Run>> load_runs(db::Database& database, std::vector<RunRow> rows);

// The number of a run that may be changed: kNotFound, or kFailedPrecondition for a deleted one.
Result<std::int64_t> active_run(db::Transaction& tx, std::string_view id);

Result<void> set_run_tag(db::Transaction& tx, std::int64_t run, std::string_view key, std::string_view value);

}  // namespace millrace::tracking
