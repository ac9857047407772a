// Holds sql::Expression to DuckDB: every operator and function, over a grid of values, must give the same results.

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>

#include "duck/duck.h"
#include "features/projection.h"
#include "sql/sql.h"

namespace millrace::features {
namespace {

const std::vector<sql::ColumnDef> kColumns = {
    {"i", sql::Type::kBigint},    {"j", sql::Type::kBigint},   {"x", sql::Type::kDouble},  {"y", sql::Type::kDouble},
    {"s", sql::Type::kVarchar},   {"r", sql::Type::kVarchar},  {"b", sql::Type::kBoolean}, {"c", sql::Type::kBoolean},
    {"t", sql::Type::kTimestamp}, {"u", sql::Type::kTimestamp}};

// Pairs of values of each type, walked through with strides that do not divide one another.
constexpr std::string_view kGrid = R"sql(
create table grid as
with integers as (select [null, 0, 1, -1, 2, -2, 3, 7, -7, 10, 15, 100, -100, 999, 123456789, -987654321012, 9007199254740993] as l),
doubles as (select [null, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 3.7, -3.7, 1e10, 1e-10, 123456.789, 1e300, 'nan', 'inf', '-inf']::double[] as l),
texts as (select [null, '', 'a', 'A', 'SFO', ' padded ', 'héllo', '12', '-3.5', '1e3', 'true', '%', 'a_b', 'SFOSFO', '2001-02-03', '2001-02-03 04:05:06.7'] as l),
truths as (select [null, true, false] as l),
times as (select [null, '1970-01-01', '1969-12-31 23:59:59.999999', '2000-02-29 12:34:56.5', '2001-03-01 07:10:00',
                  '2004-02-29', '2004-12-31 23:59:59', '2005-01-01', '2005-01-02 00:30:00', '1999-12-31 08:00:00.000001',
                  '2001-01-31 10:00:00', '1900-03-01', '2100-02-28 23:00:00', '2026-12-28', '1582-10-15 01:02:03']::timestamp[] as l)
select (select l[1 + n % 17] from integers)::bigint as i, (select l[1 + n // 17 % 17] from integers)::bigint as j,
       (select l[1 + n % 20] from doubles) as x, (select l[1 + n // 20 % 20] from doubles) as y,
       (select l[1 + n % 16] from texts) as s, (select l[1 + n // 16 % 16] from texts) as r,
       (select l[1 + n % 3] from truths) as b, (select l[1 + n // 3 % 3] from truths) as c,
       (select l[1 + n % 15] from times) as t, (select l[1 + n // 15 % 15] from times) as u, n
from range(600) as numbers(n) order by n
)sql";

constexpr std::string_view kExpressions[] = {
    "i",
    "x",
    "s",
    "b",
    "t",
    "null",
    "1",
    "1.5e0",
    "'text'",
    "true",
    "-i",
    "-x",
    "+i",
    "i + j",
    "i - j",
    "i * 3 - j",
    "i + x",
    "x - j",
    "x * y",
    "x + y",
    "x / y",
    "i / j",
    "i // j",
    "x // y",
    "i % j",
    "x % y",
    "mod(i, j)",
    "mod(x, y)",
    "i / 2",
    "2 * i + 1",
    "x ^ 2",
    "i ** 2",
    "pow(x, y)",
    "power(i, 0.5e0)",
    "-2 ^ 2",
    "abs(i)",
    "abs(x)",
    "sign(i)",
    "sign(x)",
    "ceil(x)",
    "ceiling(i)",
    "floor(x)",
    "floor(i)",
    "round(x)",
    "round(i)",
    "round(x, 1)",
    "round(x, 3)",
    "round(x, -1)",
    "round(i, -1)",
    "round(i, -2)",
    "round(i, 2)",
    "trunc(x)",
    "exp(x)",
    "sin(x)",
    "cos(x)",
    "tan(y)",
    "atan2(x, y)",
    "radians(x)",
    "pi()",
    "isnan(x)",
    "isfinite(x)",
    "sqrt(x)",
    "ln(x)",
    "log(x)",
    "log10(x)",
    "log2(x)",
    "sqrt(abs(x))",
    "ln(abs(i) + 1)",
    "i = j",
    "i <> j",
    "i < j",
    "i <= j",
    "i > j",
    "i >= j",
    "x = y",
    "x <> y",
    "x < y",
    "x <= y",
    "x > y",
    "x >= y",
    "i = x",
    "i < x",
    "s = r",
    "s < r",
    "s >= r",
    "t = u",
    "t < u",
    "t >= u",
    "b = c",
    "b < c",
    "i != j",
    "t > '2001-01-01'",
    "i = '7'",
    "'2.5' < x",
    "t >= timestamp '2000-02-29 12:34:56.5'",
    "t = date '2004-02-29'",
    "b and c",
    "b or c",
    "not b",
    "not b or c and b",
    "i > 0 and x > 0 or b",
    "i and b",
    "not i",
    "i is null",
    "i is not null",
    "s is null or r is null",
    "b is true",
    "b is not true",
    "b is false",
    "b isnull",
    "i is distinct from j",
    "x is not distinct from y",
    "s is distinct from r",
    "i is not distinct from null",
    "i between 1 and j",
    "x not between y and 10",
    "t between u and '2010-01-01'",
    "i between null and 5",
    "s between 'A' and 'b'",
    "i in (1, 2, j)",
    "i not in (1, 2)",
    "i in (1, null)",
    "x in (y, 1.5e0)",
    "s in ('a', 'SFO')",
    "t in (u, '2001-03-01 07:10:00')",
    "i not in (null, 7)",
    "i in (x, 2)",
    "case when i > 0 then 'pos' when i < 0 then 'neg' else 'zero' end",
    "case when b then i end",
    "case when b then i else x end",
    "case i when 1 then 'one' when j then 'same' else 'other' end",
    "case s when 'SFO' then 1 when r then 2 end",
    "case when i then s else r end",
    "case x when i then 1 else 0 end",
    "if(b, i, j)",
    "if(i > j, x, y)",
    "coalesce(i, j, 0)",
    "coalesce(x, i)",
    "ifnull(s, r)",
    "nullif(i, j)",
    "nullif(s, 'a')",
    "nullif(x, y)",
    "least(i, j)",
    "greatest(i, j)",
    "least(x, y, 0)",
    "greatest(x, i)",
    "greatest(s, r)",
    "least(t, u)",
    "greatest(t, '2001-01-01')",
    "lower(s)",
    "length(s)",
    "len(r)",
    "strlen(s)",
    "trim(s)",
    "ltrim(s)",
    "rtrim(s)",
    "substr(s, 2)",
    "substr(s, 1, 2)",
    "substring(s, 2, 3)",
    "substr(s, 0, 2)",
    "left(s, 2)",
    "right(s, 2)",
    "left(s, -1)",
    "right(s, -1)",
    "contains(s, r)",
    "starts_with(s, r)",
    "prefix(s, 'S')",
    "ends_with(s, r)",
    "suffix(s, 'O')",
    "s || r",
    "s || i",
    "x || '!'",
    "b || s",
    "t || ''",
    "concat(s, i, r)",
    "concat(s, x)",
    "s like 'S%'",
    "s like '%F%'",
    "s like '_'",
    "s like 'a_b'",
    "s not like '%a%'",
    "s ilike 'sfo%'",
    "s like r",
    "s ilike '%A%'",
    "'' like s",
    "hour(t)",
    "minute(t)",
    "second(t)",
    "day(t)",
    "dayofmonth(t)",
    "month(t)",
    "quarter(t)",
    "year(t)",
    "dayofweek(t)",
    "weekday(t)",
    "isodow(t)",
    "dayofyear(t)",
    "week(t)",
    "weekofyear(t)",
    "epoch(t)",
    "epoch_ms(t)",
    "epoch_us(t)",
    "date_part('hour', t)",
    "date_part('dow', t)",
    "date_part('doy', t)",
    "datepart('week', t)",
    "extract(isodow from t)",
    "extract('epoch' from t)",
    "date_trunc('microsecond', t)",
    "date_trunc('millisecond', t)",
    "date_trunc('second', t)",
    "date_trunc('minute', t)",
    "date_trunc('hour', t)",
    "date_trunc('day', t)",
    "date_trunc('week', t)",
    "date_trunc('month', t)",
    "date_trunc('quarter', t)",
    "date_trunc('year', t)",
    "datetrunc('hours', t)",
    "date_trunc('day', t::date)",
    "date_diff('second', t, u)",
    "date_diff('minute', t, u)",
    "date_diff('hour', t, u)",
    "date_diff('day', t, u)",
    "date_diff('week', t, u)",
    "date_diff('month', t, u)",
    "date_diff('quarter', t, u)",
    "date_diff('year', t, u)",
    "date_diff('millisecond', t, u)",
    "datediff('microsecond', t, u)",
    "date_diff('hour', t::date, u)",
    "t + interval '30 minutes'",
    "t - interval 90 seconds",
    "interval '2 hours' + t",
    "t + interval '1 month'",
    "t - interval '1 month'",
    "t + interval '1 year'",
    "t - interval 2 years",
    "t + interval '1 day 12 hours'",
    "t + interval '3' days",
    "t + interval (i % 100) hours",
    "t + to_minutes(i % 1000)",
    "t + to_hours(i % 10)",
    "t + to_days(i % 10)",
    "t - to_weeks(2)",
    "t + to_seconds(i % 100)",
    "t + to_seconds(x % 100)",
    "t + to_months(i % 100)",
    "t - to_years(i % 10)",
    "t + to_quarters(1)",
    "t + to_milliseconds(i % 1000)",
    "t + to_microseconds(i % 1000)",
    "epoch(t - u)",
    "t - u > interval '1 day'",
    "t::date - u::date",
    "t::date + 3",
    "t::date - 1",
    "t::date + interval '6 hours'",
    "epoch(t + to_minutes((i % 1000) // 8 + 30))",
    "i::double",
    "i::varchar",
    "i::boolean",
    "x::varchar",
    "x::boolean",
    "b::bigint",
    "b::double",
    "b::varchar",
    "t::varchar",
    "t::date",
    "t::date::varchar",
    "s::varchar",
    "cast(i as text)",
    "try_cast(s as bigint)",
    "try_cast(s as double)",
    "try_cast(s as boolean)",
    "try_cast(s as timestamp)",
    "try_cast(x as bigint)",
    "try_cast(i as integer)",
    "try_cast(i as smallint)",
    "try_cast(i as tinyint)",
    "try_cast(s as date)",
    "x::bigint",
    "s::double",
    "s::bigint",
    "i::int",
    "i * i",
    "i * 99999999999",
    "hour(t) + minute(t) / 60.0e0",
    "case when x > 15 then 1 else 0 end",
    "coalesce(x, 0) * 2 + length(coalesce(s, ''))",
    "upper(substr(coalesce(s, 'none'), 1, 1)) = 'S'",
    "1 + 2 * 3 - 4 / 5.0e0 % 2",
    "not (i = 1 or i = 2) and i is not null",
};

// "null", or the value's bits; an error of ours is "error".
std::string show(const sql::Value& value, sql::Type type) {
  switch (value.kind) {
    case sql::Value::Kind::kNull:
      return "null";
    case sql::Value::Kind::kError:
      return "error";
    case sql::Value::Kind::kText:
      return fmt::format("'{}'", value.text);
    case sql::Value::Kind::kInteger:
      return fmt::format("{} {}", sql::type_name(type), value.integer);
    case sql::Value::Kind::kDouble:
      break;
  }
  if (std::isnan(value.number)) return "double nan";
  return fmt::format("double {} ({:x})", value.number, std::bit_cast<std::uint64_t>(value.number));
}

class Differential {
 public:
  Differential() : database_(MUST(duck::Database::open({}))), connection_(MUST(database_->connect())) {
    MUST(connection_.execute(kGrid));
    grid_ = MUST(connection_.query("select * from grid order by n"));
  }

  void check(std::string_view text) {
    const auto expression = sql::Expression::compile(text, kColumns);
    if (!expression) {
      ADD_FAILURE() << text << ": at " << expression.error().offset << ": " << expression.error().message;
      return;
    }
    std::vector<std::size_t> good, bad;
    std::vector<std::string> ours;
    sql::Scratch scratch;
    for (std::size_t row = 0; row < grid_.rows; ++row) {
      scratch.clear();
      ours.push_back(show(expression->evaluate(values_of(row), scratch), expression->type()));
      (ours.back() == "error" ? bad : good).push_back(row);
    }
    compare(text, text, good, ours);
    // Where we see an error, so must DuckDB: each of the rows fails, and try() makes it null.
    for (std::size_t& row : bad) ours[row] = "null";
    if (!bad.empty()) compare(text, fmt::format("try({})", text), bad, ours);
    if (!bad.empty())
      EXPECT_FALSE(run(text, {bad.front()}))
          << text << " is an error here, but not in DuckDB; " << describe(bad.front());
  }

 private:
  void compare(std::string_view text, std::string_view theirs_text, const std::vector<std::size_t>& rows,
               const std::vector<std::string>& ours) {
    const auto theirs = run(theirs_text, rows);
    if (!theirs) {
      ADD_FAILURE() << text << ": DuckDB says " << theirs.error().message;
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string shown = show(cell(theirs->columns[0], i), static_cast<sql::Type>(theirs->columns[0].type));
      if (shown == ours[rows[i]]) continue;
      ADD_FAILURE() << text << " is " << ours[rows[i]] << ", in DuckDB " << shown << "; " << describe(rows[i]);
      return;
    }
  }

  Result<duck::Table> run(std::string_view text, const std::vector<std::size_t>& rows) {
    return connection_.query(fmt::format("select ({}) as v from (select * from grid where n in ({})) order by n", text,
                                         fmt::join(rows, ", ")));
  }

  std::vector<sql::Value> values_of(std::size_t row) const {
    std::vector<sql::Value> values;
    for (std::size_t c = 0; c < kColumns.size(); ++c) values.push_back(cell(grid_.columns[c], row));
    return values;
  }
  std::string describe(std::size_t row) const {
    std::string text;
    const auto values = values_of(row);
    for (std::size_t i = 0; i < values.size(); ++i)
      text += fmt::format("{} = {}, ", kColumns[i].name, show(values[i], kColumns[i].type));
    return text;
  }

  std::unique_ptr<duck::Database> database_;
  duck::Connection connection_;
  duck::Table grid_;
};

TEST(SqlDifferential, agrees_with_duckdb) {
  Differential differential;
  for (const std::string_view text : kExpressions) differential.check(text);
}

}  // namespace
}  // namespace millrace::features
