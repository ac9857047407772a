#pragma once

#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/connection.h"

namespace millrace::db {

namespace detail {

Error null_column(const Cursor& cursor, int column);
Error unknown_name(const Cursor& cursor, int column);
Error column_count(const Cursor& cursor, int expected);

inline void assign(const Cursor& cursor, int column, std::string& out) { out = cursor.text(column); }
inline void assign(const Cursor& cursor, int column, Timestamp& out) { out.us = cursor.integer(column); }
inline void assign(const Cursor& cursor, int column, Duration& out) { out = Duration{cursor.integer(column)}; }
inline void assign(const Cursor& cursor, int column, std::integral auto& out) {
  out = static_cast<std::remove_reference_t<decltype(out)>>(cursor.integer(column));
}
inline void assign(const Cursor& cursor, int column, std::floating_point auto& out) { out = cursor.real(column); }

template <typename T>
concept Numeric = std::integral<T> || std::floating_point<T> || std::same_as<T, Timestamp>;

template <Numeric T>
Result<void> read_column(const Cursor& cursor, int column, T& out) {
  assign(cursor, column, out);
  // A null reads as 0, so only a 0 may be one.
  if (out == T{} && cursor.is_null(column)) return std::unexpected(null_column(cursor, column));
  return {};
}

template <typename T>
Result<void> read_column(const Cursor& cursor, int column, T& out) {
  if (cursor.is_null(column)) return std::unexpected(null_column(cursor, column));
  if constexpr (TextEnum<T>) {
    if (!from_text(cursor.text(column), out)) return std::unexpected(unknown_name(cursor, column));
  } else {
    assign(cursor, column, out);
  }
  return {};
}

template <typename T>
Result<void> read_column(const Cursor& cursor, int column, std::optional<T>& out) {
  if (cursor.is_null(column)) return {};
  return read_column(cursor, column, out.emplace());
}

template <typename Row>
using Members = boost::describe::describe_members<Row, boost::describe::mod_public>;

template <typename Row>
Result<Row> read_described(const Cursor& cursor) {
  constexpr int kColumns = boost::mp11::mp_size<Members<Row>>::value;
  if (cursor.columns() != kColumns) return std::unexpected(column_count(cursor, kColumns));
  Row row{};
  Result<void> status;
  int column = 0;
  boost::mp11::mp_for_each<Members<Row>>([&](auto member) {
    if (status) status = read_column(cursor, column++, row.*member.pointer);
  });
  if (!status) return std::unexpected(status.error());
  return row;
}

}  // namespace detail

// The present row as a Row: a struct described by BOOST_DESCRIBE_STRUCT takes the columns by position, anything else
// takes the first. A null fits only a std::optional.
template <typename Row>
Result<Row> read_row(const Cursor& cursor) {
  if constexpr (boost::describe::has_describe_members<Row>::value) {
    return detail::read_described<Row>(cursor);
  } else {
    Row row{};
    TRY(detail::read_column(cursor, 0, row));
    return row;
  }
}

template <typename Row>
Result<std::vector<Row>> read_rows(Cursor cursor) {
  std::vector<Row> rows;
  while (TRY(cursor.next())) rows.push_back(TRY(read_row<Row>(cursor)));
  return rows;
}

}  // namespace millrace::db
