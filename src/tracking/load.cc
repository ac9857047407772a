#include "tracking/load.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "base/json.h"
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

struct PlaceRow {
  std::optional<std::string> artifact_location;
  LifecycleStage stage = LifecycleStage::kActive;
};
BOOST_DESCRIBE_STRUCT(PlaceRow, (), (artifact_location, stage))

// Runs that are being filled in, found by their numbers.
struct Loading {
  std::vector<Run> runs;
  std::unordered_map<std::int64_t, std::size_t> places;
  std::string numbers;  // a list in JSON

  Run& of(std::int64_t number) { return runs[places.at(number)]; }
};

Loading begin(std::vector<RunRow> rows) {
  Loading loading;
  std::vector<std::int64_t> numbers;
  for (RunRow& row : rows) {
    loading.places.emplace(row.number, loading.runs.size());
    numbers.push_back(row.number);
    loading.runs.push_back(to_run(std::move(row)));
  }
  loading.numbers = json_list(numbers);
  return loading;
}

// `select` is all of the statement but for the condition and the order.
template <class Row>
Result<std::vector<Row>> rows_of(db::Database& database, std::string_view select, const Loading& loading,
                                 const Projection& wanted, Projection::Part part) {
  if (!wanted.wants(part)) return std::vector<Row>{};
  std::string sql = fmt::format("{} where run in (select cast(value as bigint) from json_each(?))", select);
  if (wanted.wants_every(part)) return database.query<Row>(sql + " order by run, key", loading.numbers);
  return database.query<Row>(sql + " and key in (select value from json_each(?)) order by run, key", loading.numbers,
                             dump_json(wanted.keys(part)));
}

}  // namespace

Result<std::vector<Run>> load_runs(db::Database& database, std::vector<RunRow> rows, const Projection& wanted) {
  using Part = Projection::Part;
  Loading loading = begin(std::move(rows));
  if (loading.runs.empty()) return std::move(loading.runs);
  for (TagRow& row :
       TRY(rows_of<TagRow>(database, "select run, key, value from params", loading, wanted, Part::kParams))) {
    loading.of(row.owner).params.push_back({std::move(row.key), std::move(row.value)});
  }
  for (TagRow& row :
       TRY(rows_of<TagRow>(database, "select run, key, value from run_tags", loading, wanted, Part::kTags))) {
    loading.of(row.owner).tags.push_back({std::move(row.key), std::move(row.value)});
  }
  for (MetricRow& row :
       TRY(rows_of<MetricRow>(database, "select run, key, value, timestamp, step, is_nan from latest_metrics", loading,
                              wanted, Part::kMetrics))) {
    const double value = row.is_nan ? std::numeric_limits<double>::quiet_NaN() : row.value;
    loading.of(row.run).metrics.push_back({std::move(row.key), value, row.timestamp, row.step});
  }
  if (wanted.wants(Part::kInputs)) {
    TRY(load_inputs(database, loading.numbers, [&](std::int64_t number) -> Run& { return loading.of(number); }));
  }
  return std::move(loading.runs);
}

Result<std::string> active_artifact_location(db::Transaction& tx, std::int64_t experiment) {
  const auto places =
      TRY(tx.query<PlaceRow>("select artifact_location, lifecycle_stage from experiments where id = ?", experiment));
  if (places.empty()) return not_found("No Experiment with id={} exists", experiment);
  if (places.front().stage == LifecycleStage::kDeleted) {
    return failed_precondition("The experiment {} must be in the 'active' state. Current state is deleted.",
                               experiment);
  }
  return places.front().artifact_location.value_or(default_artifact_location(experiment));
}

}  // namespace millrace::tracking
