#include "datasets/table_rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/suggest.h"
#include "base/time.h"

namespace millrace::datasets {
namespace {

namespace dom = simdjson::dom;

std::unexpected<Error> wrong(std::size_t row, const duck::Column& column, const dom::element& value) {
  return invalid_argument("row {}: column {} is a {}, not {}", row + 1, column.name, duck::type_name(column.type),
                          simdjson::minify(value).substr(0, 100));
}

// False where the value is of another type.
bool append_value(const dom::element& value, duck::Column& column) {
  if (value.is_null()) {
    column.append_null();
    return true;
  }
  switch (column.type) {
    case duck::Type::kBoolean:
      if (!value.is_bool()) return false;
      column.append_int(value.get_bool().value_unsafe() ? 1 : 0);
      return true;
    case duck::Type::kBigint:
      if (!value.is_int64()) return false;
      column.append_int(value.get_int64().value_unsafe());
      return true;
    case duck::Type::kDouble:
      if (!value.is_number()) return false;
      column.append_double(value.get_double().value_unsafe());
      return true;
    case duck::Type::kVarchar:
      if (!value.is_string()) return false;
      column.append_string(value.get_string().value_unsafe());
      return true;
    case duck::Type::kTimestamp: {
      if (!value.is_string()) return false;
      const Result<Timestamp> time = parse_time(value.get_string().value_unsafe());
      if (time) column.append_int(time->us);
      return time.has_value();
    }
  }
  std::unreachable();
}

Result<std::size_t> column_of(const DatasetSpec& spec, std::string_view key, std::size_t row, std::size_t expected) {
  if (expected < spec.columns.size() && spec.columns[expected].name == key) return expected;
  const auto found = std::ranges::find(spec.columns, key, &ColumnSpec::name);
  if (found != spec.columns.end()) return static_cast<std::size_t>(found - spec.columns.begin());
  std::vector<std::string> names;
  for (const ColumnSpec& column : spec.columns) names.push_back(column.name);
  return invalid_argument("row {}: dataset {} has no column \"{}\"{}", row + 1, spec.name, key,
                          did_you_mean(key, names));
}

Result<void> append_row(const DatasetSpec& spec, const dom::object& object, duck::Table& table) {
  std::size_t expected = 0;
  for (const auto& [key, value] : object) {
    const std::size_t at = TRY(column_of(spec, key, table.rows, expected));
    duck::Column& column = table.columns[at];
    if (column.size() > table.rows)
      return invalid_argument("row {} names column {} twice", table.rows + 1, column.name);
    if (!append_value(value, column)) return wrong(table.rows, column, value);
    expected = at + 1;
  }
  ++table.rows;
  for (duck::Column& column : table.columns) {
    if (column.size() < table.rows) column.append_null();
  }
  return {};
}

void append_cell(const duck::Column& from, std::size_t row, duck::Column& to) {
  if (from.is_null(row))
    to.append_null();
  else if (from.type == duck::Type::kVarchar)
    to.append_string(from.strings[row]);
  else if (from.type == duck::Type::kDouble)
    to.append_double(from.doubles[row]);
  else
    to.append_int(from.ints[row]);
}

// Nulls last, as DuckDB orders.
std::weak_ordering compare_cells(const duck::Column& column, std::size_t a, std::size_t b) {
  if (column.is_null(a) || column.is_null(b)) return column.is_null(a) <=> column.is_null(b);
  switch (column.type) {
    case duck::Type::kVarchar:
      return column.strings[a] <=> column.strings[b];
    case duck::Type::kDouble:
      return std::weak_order(column.doubles[a], column.doubles[b]);
    default:
      return column.ints[a] <=> column.ints[b];
  }
}

}  // namespace

Result<duck::Table> rows_of_json(const DatasetSpec& spec, std::string_view json) {
  dom::parser parser;
  const simdjson::padded_string padded(json);
  dom::element document;
  if (const auto error = parser.parse(padded).get(document)) {
    return invalid_argument("the rows are not JSON: {}", simdjson::error_message(error));
  }
  dom::array rows;
  if (document.get_array().get(rows) != simdjson::SUCCESS)
    return invalid_argument("the rows must be a JSON array of objects");
  duck::Table table = duck::Table::of(spec.column_types());
  for (const dom::element row : rows) {
    dom::object object;
    if (row.get_object().get(object) != simdjson::SUCCESS)
      return invalid_argument("row {} is not a JSON object", table.rows + 1);
    TRY(append_row(spec, object, table));
  }
  return table;
}

Result<duck::Table> in_order(const DatasetSpec& spec, const duck::Table& rows) {
  duck::Table table;
  table.rows = rows.rows;
  std::vector<std::string> names;
  for (const ColumnSpec& column : spec.columns) names.push_back(column.name);
  for (const duck::Column& column : rows.columns) {
    if (spec.find_column(column.name) == nullptr) {
      return invalid_argument("dataset {} has no column \"{}\"{}", spec.name, column.name,
                              did_you_mean(column.name, names));
    }
  }
  for (const ColumnSpec& column : spec.columns) {
    const duck::Column* found = rows.find(column.name);
    if (found == nullptr) return invalid_argument("the rows have no column \"{}\"", column.name);
    if (found->type != column.type) {
      return invalid_argument("column {} of dataset {} is a {}, not a {}", column.name, spec.name,
                              duck::type_name(column.type), duck::type_name(found->type));
    }
    table.columns.push_back(*found);
  }
  return table;
}

duck::Table take_rows(const duck::Table& rows, const std::vector<std::size_t>& numbers) {
  duck::Table taken = duck::Table::of(rows.types());
  taken.rows = numbers.size();
  for (std::size_t c = 0; c < rows.columns.size(); ++c) {
    taken.columns[c].reserve(numbers.size());
    for (const std::size_t row : numbers) append_cell(rows.columns[c], row, taken.columns[c]);
  }
  return taken;
}

std::vector<std::size_t> sorted_rows(const duck::Table& rows, std::string_view event_time) {
  std::vector<std::size_t> numbers(rows.rows);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  const duck::Column* time = rows.find(event_time);
  std::ranges::sort(numbers, [&](std::size_t a, std::size_t b) {
    if (time != nullptr && time->ints[a] != time->ints[b]) return time->ints[a] < time->ints[b];
    for (const duck::Column& column : rows.columns) {
      const auto order = compare_cells(column, a, b);
      if (order != 0) return order < 0;
    }
    return a < b;
  });
  return numbers;
}

void append_rows(const duck::Table& rows, duck::Table& to) {
  for (std::size_t c = 0; c < to.columns.size(); ++c) {
    const duck::Column& from = rows.columns[c];
    duck::Column& column = to.columns[c];
    column.ints.insert(column.ints.end(), from.ints.begin(), from.ints.end());
    column.doubles.insert(column.doubles.end(), from.doubles.begin(), from.doubles.end());
    column.strings.insert(column.strings.end(), from.strings.begin(), from.strings.end());
    column.valid.insert(column.valid.end(), from.valid.begin(), from.valid.end());
  }
  to.rows += rows.rows;
}

}  // namespace millrace::datasets
