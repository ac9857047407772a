#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"

namespace millrace::duck {

// The types that Millrace's data has. What DuckDB returns in another type is converted on reading: integers to
// kBigint, float and decimal to kDouble, date and timestamps of any kind to kTimestamp (UTC), the rest to kVarchar
// by its text.
enum class Type : std::uint8_t { kBoolean, kBigint, kDouble, kVarchar, kTimestamp };

// "boolean", "bigint", "double", "varchar", "timestamp"; also DuckDB's own names for them.
std::string_view type_name(Type type);
std::optional<Type> find_type(std::string_view name);

struct ColumnType {
  std::string name;
  Type type = Type::kBigint;
  bool operator==(const ColumnType&) const = default;
};

// A column of values. Which vector is filled follows from the type; a null holds 0, NaN or "" there.
struct Column {
  std::string name;
  Type type = Type::kBigint;
  std::vector<std::int64_t> ints;    // kBigint; kBoolean as 0 and 1; kTimestamp as microseconds since the epoch
  std::vector<double> doubles;       // kDouble
  std::vector<std::string> strings;  // kVarchar
  std::vector<std::uint8_t> valid;   // 1 where there is a value; always as long as the column

  std::size_t size() const { return valid.size(); }
  bool is_null(std::size_t row) const { return valid[row] == 0; }

  void append_null();
  void append_int(std::int64_t value) {
    ints.push_back(value);
    valid.push_back(1);
  }
  void append_double(double value) {
    doubles.push_back(value);
    valid.push_back(1);
  }
  void append_string(std::string_view value) {
    strings.emplace_back(value);
    valid.push_back(1);
  }
  void reserve(std::size_t rows);
  void clear();
};

struct Table {
  std::vector<Column> columns;
  std::size_t rows = 0;

  const Column* find(std::string_view name) const;
  Column* find(std::string_view name);
  std::vector<ColumnType> types() const;
  void clear();  // keeps the columns and their memory

  static Table of(const std::vector<ColumnType>& columns);
};

// A bound parameter of a query: null, boolean, bigint, double, varchar, timestamp.
using Parameter = std::variant<std::monostate, bool, std::int64_t, double, std::string, Timestamp>;

}  // namespace millrace::duck
