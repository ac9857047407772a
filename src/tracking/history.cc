#include <algorithm>
#include <bit>
#include <boost/describe.hpp>
#include <limits>
#include <optional>
#include <utility>

#include "db/db.h"
#include "tracking/rows.h"
#include "tracking/series.h"
#include "tracking/series_row.h"
#include "tracking/tracking.h"

namespace millrace::tracking {

namespace {

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

struct PointRow {
  Timestamp timestamp;
  std::int64_t step = 0;
  double value = 0;
  std::int64_t is_nan = 0;
};
BOOST_DESCRIBE_STRUCT(PointRow, (), (timestamp, step, value, is_nan))

struct SampledRow {
  std::int64_t step = 0;
  std::optional<Timestamp> timestamp;
  std::optional<double> value;
  std::optional<std::int64_t> is_nan;
};
BOOST_DESCRIBE_STRUCT(SampledRow, (), (step, timestamp, value, is_nan))

// Before all that can be stored.
constexpr PointRow kBeginning{{kLeast}, kLeast, std::numeric_limits<double>::lowest(), -1};

Point to_point(const PointRow& row) {
  return {row.timestamp, row.step, row.is_nan != 0 ? std::numeric_limits<double>::quiet_NaN() : row.value};
}

std::vector<Point> to_points(const std::vector<PointRow>& rows) {
  std::vector<Point> points;
  points.reserve(rows.size());
  for (const PointRow& row : rows) points.push_back(to_point(row));
  return points;
}

// A page's cursor is its last row, "TIMESTAMP:STEP:BITS OF THE VALUE:IS_NAN".
std::string cursor_of(const PointRow& row) {
  return fmt::format("{}:{}:{}:{}", row.timestamp.us, row.step, std::bit_cast<std::int64_t>(row.value), row.is_nan);
}

Result<PointRow> parse_cursor(std::string_view cursor) {
  std::int64_t parts[4] = {};
  std::string_view rest = cursor;
  for (std::int64_t& part : parts) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    part = TRY(cursor_integer(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return PointRow{{parts[0]}, parts[1], std::bit_cast<double>(parts[2]), parts[3]};
}

// In order of step, which the table is in; of a series of which no two points have the same step.
Result<std::vector<PointRow>> rows_by_step(db::Database& database, std::int64_t run, std::string_view key,
                                           const std::optional<PointRow>& after, std::int64_t limit) {
  if (after && after->step == kMaxNumber) return std::vector<PointRow>{};
  return database.query<PointRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ? and step >= ?
order by step, timestamp, value, is_nan
limit ?
)sql",
                                  run, key, after ? after->step + 1 : kLeast, limit);
}

Result<std::vector<PointRow>> rows_by_time(db::Database& database, std::int64_t run, std::string_view key,
                                           const std::optional<PointRow>& cursor, std::int64_t limit) {
  const PointRow after = cursor.value_or(kBeginning);
  return database.query<PointRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ? and (timestamp, step, value, is_nan) > (?, ?, ?, ?)
order by timestamp, step, value, is_nan
limit ?
)sql",
                                  run, key, after.timestamp, after.step, after.value, after.is_nan, limit);
}

// The one point of each of these steps. PostgreSQL looks each up by itself only when it is asked for in this way: it
// believes a series of which it knows nothing yet to be short, and would read all of it. Sorted within, so that it
// looks a value up once. Only a 0 may stand for what is not a number.
Result<std::vector<Point>> points_at(db::Database& database, std::int64_t run, std::string_view key,
                                     const StepRange& steps, std::int64_t limit) {
  std::vector<std::int64_t> wanted = sample_places(steps.count, limit);
  for (std::int64_t& place : wanted) place = steps.first + place * steps.stride;
  const auto rows = TRY(database.query<SampledRow>(R"sql(
select step, timestamp, value,
       case when value = 0 then (select is_nan from metrics where run = ?1 and key = ?2 and step = found.step) else 0 end
from (
  select wanted.step,
         (select timestamp from metrics where run = ?1 and key = ?2 and step = wanted.step) as timestamp,
         (select value from metrics where run = ?1 and key = ?2 and step = wanted.step) as value
  from (select cast(value as bigint) as step from json_each(?3)) as wanted
  order by wanted.step
) as found
order by step
)sql",
                                                   run, key, json_list(wanted)));
  std::vector<Point> points;
  for (const SampledRow& row : rows) {
    if (!row.timestamp || !row.value || !row.is_nan) continue;  // erased meanwhile
    points.push_back(to_point({*row.timestamp, row.step, *row.value, *row.is_nan}));
  }
  return points;
}

Result<std::vector<PointRow>> rows_between(db::Database& database, std::int64_t run, std::string_view key,
                                           const SampleRequest& request) {
  return database.query<PointRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ? and step >= ? and step <= ?
order by step, timestamp, value, is_nan
)sql",
                                  run, key, request.from_step, request.to_step);
}

Result<std::optional<std::int64_t>> run_number(db::Database& database, std::string_view id) {
  const auto numbers = TRY(database.query<std::int64_t>("select number from runs where id = ?", id));
  return numbers.empty() ? std::nullopt : std::optional(numbers.front());
}

}  // namespace

// The history of a series that was logged in order is the table's own order.
Result<Page<Point>> Store::metric_history(std::string_view run_id, std::string_view key,
                                          const HistoryRequest& request) const {
  std::optional<PointRow> after;
  if (!request.after.empty()) after = TRY(parse_cursor(request.after));
  const auto run = TRY(run_number(parts_.database, run_id));
  const auto series = run ? TRY(find_series(parts_.database, *run, key)) : std::nullopt;
  if (!series) return Page<Point>{};
  const std::int64_t limit = std::clamp<std::int64_t>(request.limit, 1, kMaxNumber - 1);
  auto rows = series->ascending ? TRY(rows_by_step(parts_.database, *run, key, after, limit + 1))
                                : TRY(rows_by_time(parts_.database, *run, key, after, limit + 1));
  Page<Point> page;
  if (std::cmp_greater(rows.size(), limit)) {
    rows.pop_back();
    page.next = cursor_of(rows.back());
  }
  page.items = to_points(rows);
  return page;
}

Result<std::vector<Point>> Store::sample_metric(std::string_view run_id, std::string_view key,
                                                const SampleRequest& request) const {
  const auto run = TRY(run_number(parts_.database, run_id));
  const auto series = run ? TRY(find_series(parts_.database, *run, key)) : std::nullopt;
  if (!series) return std::vector<Point>{};
  if (const auto steps = plain_steps(*series, request.from_step, request.to_step)) {
    return points_at(parts_.database, *run, key, *steps, request.limit);
  }
  const auto rows = TRY(rows_between(parts_.database, *run, key, request));
  std::vector<Point> points;
  for (const std::int64_t place : sample_places(static_cast<std::int64_t>(rows.size()), request.limit)) {
    points.push_back(to_point(rows[static_cast<std::size_t>(place)]));
  }
  return points;
}

}  // namespace millrace::tracking
