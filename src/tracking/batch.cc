#include <cmath>
#include <limits>
#include <utility>

#include "db/db.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

struct HistoryRow {
  Timestamp timestamp;
  std::int64_t step = 0;
  double value = 0;
  bool is_nan = false;
};
BOOST_DESCRIBE_STRUCT(HistoryRow, (), (timestamp, step, value, is_nan))

Result<void> log_metric(db::Transaction& tx, std::int64_t run, const Metric& metric) {
  const bool is_nan = std::isnan(metric.value);
  const double value = is_nan ? 0 : storable(metric.value);
  TRY(tx.execute(
      "insert into metrics (run, key, timestamp, step, value, is_nan) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
      run, metric.key, metric.timestamp, metric.step, value, is_nan));
  TRY(tx.execute(R"sql(
insert into latest_metrics (run, key, timestamp, step, value, is_nan)
values (?, ?, ?, ?, ?, ?)
on conflict (run, key) do update
set timestamp = excluded.timestamp, step = excluded.step, value = excluded.value, is_nan = excluded.is_nan
where (excluded.step, excluded.timestamp, excluded.value)
  > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
)sql",
                 run, metric.key, metric.timestamp, metric.step, value, is_nan));
  return {};
}

Result<void> log_param(db::Transaction& tx, std::int64_t run, const Param& param) {
  const std::string_view value = cut(param.value, kMaxParamValue);
  const auto old = TRY(tx.query<std::string>("select value from params where run = ? and key = ?", run, param.key));
  if (old.empty()) {
    TRY(tx.execute("insert into params (run, key, value) values (?, ?, ?)", run, param.key, value));
  } else if (old.front() != value) {
    return invalid_argument("param {} was logged with the value \"{}\" and cannot become \"{}\"", param.key,
                            old.front(), value);
  }
  return {};
}

}  // namespace

Result<void> Store::log_batch(std::string_view run_id, const Batch& batch) {
  TRY(check_batch(batch));
  db::Transaction tx = TRY(parts_.database.begin());
  const std::int64_t run = TRY(active_run(tx, run_id));
  for (const Param& param : batch.params) TRY(log_param(tx, run, param));
  for (const Metric& metric : batch.metrics) TRY(log_metric(tx, run, metric));
  for (const Tag& tag : batch.tags) TRY(set_run_tag(tx, run, tag.key, tag.value));
  return tx.commit();
}

Result<void> Store::delete_tag(std::string_view run_id, std::string_view key) {
  db::Transaction tx = TRY(parts_.database.begin());
  const std::int64_t run = TRY(active_run(tx, run_id));
  const auto deleted = TRY(tx.execute("delete from run_tags where run = ? and key = ?", run, key));
  if (deleted == 0) return not_found("run {} has no tag {}", run_id, key);
  return tx.commit();
}

// Nothing is ever taken out of a history, so a page's cursor is a plain count of rows.
Result<Page<Metric>> Store::metric_history(std::string_view run_id, std::string_view key,
                                           const PageRequest& page) const {
  const std::int64_t skip = page.after.empty() ? 0 : TRY(cursor_integer(page.after));
  const auto run = TRY(parts_.database.query<std::int64_t>("select number from runs where id = ?", run_id));
  if (run.empty()) return not_found("run {} does not exist", run_id);
  const auto rows = TRY(parts_.database.query<HistoryRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ?
order by timestamp, step, value, is_nan
limit ? offset ?
)sql",
                                                          run.front(), key, page.rows() + 1, skip));
  std::vector<Metric> metrics;
  for (const HistoryRow& row : rows) {
    const double value = row.is_nan ? std::numeric_limits<double>::quiet_NaN() : row.value;
    metrics.push_back({std::string(key), value, row.timestamp, row.step});
  }
  return make_page(std::move(metrics), page, [&](const Metric&) { return std::to_string(skip + page.rows()); });
}

}  // namespace millrace::tracking
