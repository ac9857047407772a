#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duck/duck.h"

namespace millrace::duck {

// What is wrong with a user's SQL, and where: a byte offset into the text that was given (its length where unknown).
struct SqlError {
  std::string message;
  std::size_t offset = 0;
};

template <typename T>
using SqlResult = std::expected<T, SqlError>;

// Accepts exactly one SELECT (also WITH, VALUES, FROM-first) that binds against what `connection` can see, and answers
// its columns. Nothing is run.
SqlResult<std::vector<ColumnType>> check_select(Connection& connection, std::string_view sql);

// Accepts one scalar expression over these columns (no statement, no subquery breaking out of its parentheses) and
// answers its type. Aggregates are refused unless `Aggregates::kAllowed`.
enum class Aggregates { kRefused, kAllowed };
SqlResult<Type> check_expression(Connection& connection, std::string_view expression,
                                 std::span<const ColumnType> columns, Aggregates aggregates = Aggregates::kRefused);

}  // namespace millrace::duck
