#include "tracking/points.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>

#include "base/json.h"
#include "db/db.h"
#include "tracking/rows.h"
#include "tracking/series.h"
#include "tracking/series_row.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::size_t kRowsAtOnce = 10'000;

constexpr std::string_view kAddPoint = R"sql(
insert into metrics (run, key, step, timestamp, value, is_nan)
values (?, ?, ?, ?, ?, ?)
)sql";
constexpr std::size_t kPointColumns = 6;

constexpr std::string_view kSaveSeries = R"sql(
insert into latest_metrics (run, key, timestamp, step, value, is_nan, points, first_step, stride, ascending)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (run, key) do update
set timestamp = excluded.timestamp, step = excluded.step, value = excluded.value, is_nan = excluded.is_nan,
    points = excluded.points, first_step = excluded.first_step, stride = excluded.stride,
    ascending = excluded.ascending
)sql";
constexpr std::size_t kSeriesColumns = 10;

// A point as the table has it, in the table's order.
struct StoredPoint {
  std::int64_t step = 0;
  std::int64_t timestamp = 0;
  double value = 0;
  std::int64_t is_nan = 0;

  auto order() const { return std::tie(step, timestamp, value, is_nan); }
  bool operator<(const StoredPoint& other) const { return order() < other.order(); }
};
BOOST_DESCRIBE_STRUCT(StoredPoint, (), (step, timestamp, value, is_nan))

struct KeyedSeries {
  std::string key;
  std::int64_t timestamp = 0;
  std::int64_t step = 0;
  double value = 0;
  bool is_nan = false;
  std::int64_t points = 0;
  std::int64_t first_step = 0;
  std::int64_t stride = 0;
  bool ascending = false;
};
BOOST_DESCRIBE_STRUCT(KeyedSeries, (), (key, timestamp, step, value, is_nan, points, first_step, stride, ascending))

StoredPoint stored(const Point& point) {
  const bool is_nan = std::isnan(point.value);
  return {point.step, point.timestamp.us, is_nan ? 0 : storable(point.value), is_nan ? 1 : 0};
}

using SeriesByKey = std::map<std::string_view, Series>;

// Those there are, of the keys of `points`.
Result<SeriesByKey> find_series_of(db::Transaction& tx, std::int64_t run, const PointsByKey& points) {
  SeriesByKey found;
  if (points.size() == 1) {
    const std::string_view key = points.begin()->first;
    if (const auto series = TRY(find_series(tx, run, key))) found.emplace(key, *series);
    return found;
  }
  Json keys = Json::array();
  for (const auto& [key, added] : points) keys.push_back(key);
  const auto rows = TRY(tx.query<KeyedSeries>(R"sql(
select key, timestamp, step, value, is_nan, points, first_step, stride, ascending
from latest_metrics
where run = ? and key in (select value from json_each(?))
)sql",
                                              run, dump_json(keys)));
  for (const KeyedSeries& row : rows) {
    found.emplace(points.find(row.key)->first, Series{row.timestamp, row.step, row.value, row.is_nan, row.points,
                                                      row.first_step, row.stride, row.ascending});
  }
  return found;
}

// Whether each point comes after all before it and after all of the series, so that none can be there already.
bool all_follow(const Series& series, const std::vector<StoredPoint>& points) {
  if (points.empty()) return true;
  const StoredPoint latest{series.step, series.timestamp, series.value, series.is_nan ? 1 : 0};
  const auto follows = [](const StoredPoint& a, const StoredPoint& b) { return a < b; };
  const bool ascending = std::ranges::adjacent_find(points, std::not_fn(follows)) == points.end();
  return ascending && (series.points == 0 || latest < points.front());
}

// What the table holds at the steps of the points, within their span of time.
Result<std::set<StoredPoint>> points_around(db::Transaction& tx, std::int64_t run, std::string_view key,
                                            const std::vector<StoredPoint>& points) {
  std::set<std::int64_t> steps;
  for (const StoredPoint& point : points) steps.insert(point.step);
  const auto [first, last] = std::ranges::minmax(points, {}, &StoredPoint::timestamp);
  const auto rows =
      TRY(tx.query<StoredPoint>(R"sql(
select step, timestamp, value, is_nan
from metrics
where run = ? and key = ? and step in (select cast(value as bigint) from json_each(?))
  and timestamp >= ? and timestamp <= ?
)sql",
                                run, key, fmt::format("[{}]", fmt::join(steps, ",")), first.timestamp, last.timestamp));
  return std::set<StoredPoint>(rows.begin(), rows.end());
}

// The points that are not there yet.
Result<std::vector<StoredPoint>> new_points(db::Transaction& tx, std::int64_t run, std::string_view key,
                                            const Series& series, const std::vector<Point>& points) {
  std::vector<StoredPoint> added;
  added.reserve(points.size());
  for (const Point& point : points) added.push_back(stored(point));
  if (all_follow(series, added)) return added;
  std::set<StoredPoint> known = series.points == 0 ? std::set<StoredPoint>() : TRY(points_around(tx, run, key, added));
  std::erase_if(added, [&](const StoredPoint& point) { return !known.insert(point).second; });
  return added;
}

Result<void> insert_points(db::Transaction& tx, std::int64_t run, std::string_view key,
                           const std::vector<StoredPoint>& points, std::vector<db::Value>& rows) {
  for (const StoredPoint& point : points) {
    rows.insert(rows.end(), {run, key, point.step, point.timestamp, point.value, point.is_nan});
    if (rows.size() < kRowsAtOnce * kPointColumns) continue;
    TRY(tx.execute_rows(kAddPoint, rows, kPointColumns));
    rows.clear();
  }
  return {};
}

void add_series_row(std::vector<db::Value>& rows, std::int64_t run, std::string_view key, const Series& series) {
  rows.insert(rows.end(), {run, key, series.timestamp, series.step, series.value, db::to_value(series.is_nan),
                           series.points, series.first_step, series.stride, db::to_value(series.ascending)});
}

}  // namespace

Result<void> add_points(db::Transaction& tx, std::int64_t run, const PointsByKey& points) {
  if (points.empty()) return {};
  const SeriesByKey known = TRY(find_series_of(tx, run, points));
  std::vector<db::Value> rows, series_rows;
  for (const auto& [key, logged] : points) {
    const auto found = known.find(key);
    Series series = found == known.end() ? Series{} : found->second;
    const auto added = TRY(new_points(tx, run, key, series, logged));
    if (added.empty()) continue;
    for (const StoredPoint& point : added) {
      add_point(series, {{point.timestamp}, point.step, point.value}, point.is_nan != 0);
    }
    TRY(insert_points(tx, run, key, added, rows));
    add_series_row(series_rows, run, key, series);
  }
  TRY(tx.execute_rows(kAddPoint, rows, kPointColumns));
  return tx.execute_rows(kSaveSeries, series_rows, kSeriesColumns);
}

}  // namespace millrace::tracking
