#include "tracking/load.h"

#include <fmt/ranges.h>

#include <limits>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/inputs.h"
#include "tracking/rows.h"

namespace millrace::tracking {

namespace {

struct MetricRow {
  std::int64_t run = 0;
  std::string key;
  double value = 0;
  Timestamp timestamp;
  std::int64_t step = 0;
  bool is_nan = false;
};
BOOST_DESCRIBE_STRUCT(MetricRow, (), (run, key, value, timestamp, step, is_nan))

Run to_run(RunRow row) {
  return Run{.id = std::move(row.id),
             .experiment_id = std::to_string(row.experiment_id),
             .name = std::move(row.name),
             .status = row.status,
             .start_time = row.start_time,
             .end_time = row.end_time,
             .lifecycle_stage = row.lifecycle_stage,
             .deleted_time = row.deleted_time,
             .artifact_uri = std::move(row.artifact_uri),
             .user_id = std::move(row.user_id)};
}

}  // namespace

Result<std::vector<Run>> load_runs(db::Database& database, std::vector<RunRow> rows) {
  std::vector<Run> runs;
  std::vector<std::int64_t> numbers;
  std::map<std::int64_t, std::size_t> places;
  for (RunRow& row : rows) {
    places.emplace(row.number, runs.size());
    numbers.push_back(row.number);
    runs.push_back(to_run(std::move(row)));
  }
  const std::string list = fmt::format("[{}]", fmt::join(numbers, ","));

  for (TagRow& row : TRY(database.query<TagRow>(R"sql(
select run, key, value from params where run in (select cast(value as bigint) from json_each(?)) order by run, key
)sql",
                                                list))) {
    runs[places[row.owner]].params.push_back({std::move(row.key), std::move(row.value)});
  }
  for (TagRow& row : TRY(database.query<TagRow>(R"sql(
select run, key, value from run_tags where run in (select cast(value as bigint) from json_each(?)) order by run, key
)sql",
                                                list))) {
    runs[places[row.owner]].tags.push_back({std::move(row.key), std::move(row.value)});
  }
  for (MetricRow& row : TRY(database.query<MetricRow>(R"sql(
select run, key, value, timestamp, step, is_nan
from latest_metrics
where run in (select cast(value as bigint) from json_each(?))
order by run, key
)sql",
                                                      list))) {
    const double value = row.is_nan ? std::numeric_limits<double>::quiet_NaN() : row.value;
    runs[places[row.run]].metrics.push_back({std::move(row.key), value, row.timestamp, row.step});
  }
  TRY(load_inputs(database, list, [&](std::int64_t number) -> Run& { return runs[places[number]]; }));
  return runs;
}

}  // namespace millrace::tracking
