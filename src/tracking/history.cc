#include <algorithm>
#include <bit>
#include <boost/describe.hpp>
#include <limits>
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

// In order of step, which the table is in.
Result<std::vector<PointRow>> rows_by_step(db::Database& database, std::int64_t run, std::string_view key,
                                           const PointRow& after, std::int64_t limit) {
  return database.query<PointRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ? and (step, timestamp, value, is_nan) > (?, ?, ?, ?)
order by step, timestamp, value, is_nan
limit ?
)sql",
                                  run, key, after.step, after.timestamp, after.value, after.is_nan, limit);
}

Result<std::vector<PointRow>> rows_by_time(db::Database& database, std::int64_t run, std::string_view key,
                                           const PointRow& after, std::int64_t limit) {
  return database.query<PointRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ? and (timestamp, step, value, is_nan) > (?, ?, ?, ?)
order by timestamp, step, value, is_nan
limit ?
)sql",
                                  run, key, after.timestamp, after.step, after.value, after.is_nan, limit);
}

Result<std::vector<PointRow>> rows_at(db::Database& database, std::int64_t run, std::string_view key,
                                      const StepRange& steps, std::int64_t limit) {
  std::string list;
  for (const std::int64_t place : sample_places(steps.count, limit)) {
    list += fmt::format("{}{}", list.empty() ? '[' : ',', steps.first + place * steps.stride);
  }
  if (list.empty()) return std::vector<PointRow>{};
  return database.query<PointRow>(R"sql(
select timestamp, step, value, is_nan
from metrics
where run = ? and key = ? and step in (select cast(value as bigint) from json_each(?))
order by step, timestamp, value, is_nan
)sql",
                                  run, key, list + ']');
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
  const PointRow after = request.after.empty() ? kBeginning : TRY(parse_cursor(request.after));
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
    return to_points(TRY(rows_at(parts_.database, *run, key, *steps, request.limit)));
  }
  const auto rows = TRY(rows_between(parts_.database, *run, key, request));
  std::vector<Point> points;
  for (const std::int64_t place : sample_places(static_cast<std::int64_t>(rows.size()), request.limit)) {
    points.push_back(to_point(rows[static_cast<std::size_t>(place)]));
  }
  return points;
}

}  // namespace millrace::tracking
