#pragma once

#include <optional>
#include <string_view>

#include "duck/check.h"

namespace millrace::duck {

// What makes a text unfit to stand between parentheses as one scalar expression: unbalanced parentheses, an open quote
// or comment, a semicolon, a subquery. nullopt where it is fit; whether it has a meaning is for DuckDB to say.
std::optional<SqlError> check_scalar(std::string_view expression);

// Whether the first word is one that a query begins with.
bool starts_query(std::string_view sql);

}  // namespace millrace::duck
