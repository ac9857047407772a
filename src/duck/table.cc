#include "duck/table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace millrace::duck {
namespace {

constexpr std::array<std::pair<std::string_view, Type>, 5> kNames{{{"boolean", Type::kBoolean},
                                                                   {"bigint", Type::kBigint},
                                                                   {"double", Type::kDouble},
                                                                   {"varchar", Type::kVarchar},
                                                                   {"timestamp", Type::kTimestamp}}};

}  // namespace

std::string_view type_name(Type type) { return kNames[static_cast<std::size_t>(type)].first; }

std::optional<Type> find_type(std::string_view name) {
  for (const auto& [text, type] : kNames) {
    if (text == name) return type;
  }
  return std::nullopt;
}

void Column::append_null() {
  switch (type) {
    case Type::kDouble:
      doubles.push_back(std::numeric_limits<double>::quiet_NaN());
      break;
    case Type::kVarchar:
      strings.emplace_back();
      break;
    default:
      ints.push_back(0);
  }
  valid.push_back(0);
}

void Column::reserve(std::size_t rows) {
  switch (type) {
    case Type::kDouble:
      doubles.reserve(rows);
      break;
    case Type::kVarchar:
      strings.reserve(rows);
      break;
    default:
      ints.reserve(rows);
  }
  valid.reserve(rows);
}

void Column::clear() {
  ints.clear();
  doubles.clear();
  strings.clear();
  valid.clear();
}

const Column* Table::find(std::string_view name) const {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

Column* Table::find(std::string_view name) { return const_cast<Column*>(std::as_const(*this).find(name)); }

std::vector<ColumnType> Table::types() const {
  std::vector<ColumnType> types;
  for (const Column& column : columns) types.push_back({column.name, column.type});
  return types;
}

void Table::clear() {
  for (Column& column : columns) column.clear();
  rows = 0;
}

Table Table::of(const std::vector<ColumnType>& columns) {
  Table table;
  for (const ColumnType& column : columns) table.columns.push_back({.name = column.name, .type = column.type});
  return table;
}

}  // namespace millrace::duck
