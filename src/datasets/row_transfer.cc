#include "datasets/row_transfer.h"

#include <algorithm>
#include <vector>

#include "net/text.h"

namespace millrace::datasets {
namespace {

constexpr std::int64_t kEarliest = -62'135'596'800'000'000;  // 0001-01-01, in microseconds
constexpr std::int64_t kLatest = 253'402'300'799'999'999;    // the last of 9999

// Where each column of the log stands in a file.
using Places = std::vector<const duck::Column*>;

Result<Places> match(const duck::Table& rows, const std::vector<duck::ColumnType>& columns) {
  Places places;
  std::size_t matched = 0;
  for (const auto& [name, type] : columns) {
    const duck::Column* column = rows.find(name);
    if (column != nullptr && column->type != type) {
      return invalid_argument("column {} is a {}, not a {}", name, duck::type_name(type),
                              duck::type_name(column->type));
    }
    matched += column != nullptr ? 1 : 0;
    places.push_back(column);
  }
  if (matched == rows.columns.size()) return places;
  for (const duck::Column& column : rows.columns) {
    if (std::ranges::find(columns, column.name, &duck::ColumnType::name) == columns.end()) {
      return invalid_argument("there is no column {}", column.name);
    }
  }
  return invalid_argument("the rows have a column twice");
}

Result<void> check_values(const duck::Column& column) {
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.is_null(row)) continue;
    if (column.type == duck::Type::kVarchar && !net::is_utf8(column.strings[row])) {
      return invalid_argument("column {} has text that is not UTF-8", column.name);
    }
    if (column.type == duck::Type::kTimestamp && (column.ints[row] < kEarliest || column.ints[row] > kLatest)) {
      return invalid_argument("column {} has a time beyond the years 1 to 9999", column.name);
    }
  }
  return {};
}

Result<void> check(const duck::Table& rows, const std::vector<duck::ColumnType>& columns) {
  TRY(match(rows, columns));
  for (const duck::Column& column : rows.columns) TRY(check_values(column));
  return {};
}

Value value_of(const duck::Column* column, std::size_t row) {
  if (column == nullptr || column->is_null(row)) return Value::null();
  switch (column->type) {
    case duck::Type::kDouble:
      return Value::of(column->doubles[row]);
    case duck::Type::kVarchar:
      return Value::of(std::string_view(column->strings[row]));
    case duck::Type::kBoolean:
      return Value::of_bool(column->ints[row] != 0);
    default:
      return Value::of(column->ints[row]);
  }
}

Result<void> append(const duck::Table& rows, RowLog& log) {
  const Places places = TRY(match(rows, log.columns()));
  std::vector<Value> values(places.size());
  for (std::size_t row = 0; row < rows.rows; ++row) {
    std::ranges::transform(places, values.begin(), [&](const duck::Column* column) { return value_of(column, row); });
    TRY(log.append(values));
  }
  return {};
}

}  // namespace

Result<std::int64_t> append_row_log_file(std::string_view file, RowLog& log) {
  const auto checked = read_row_log(file, [&](duck::Table& rows) { return check(rows, log.columns()); });
  if (!checked) return invalid_argument("the rows cannot be taken: {}", checked.error().message);
  std::int64_t count = 0;
  TRY(read_row_log(file, [&](duck::Table& rows) -> Result<void> {
    count += static_cast<std::int64_t>(rows.rows);
    return append(rows, log);
  }));
  return count;
}

}  // namespace millrace::datasets
