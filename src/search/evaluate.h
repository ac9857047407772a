#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "search/bind.h"

namespace millrace::search {

// A value as it is stored: text, a double, or a whole number (a time in microseconds).
using Stored = std::variant<std::string, double, std::int64_t>;

// Whether the clause holds for the values that its reference has: none where the key is missing, several where rows
// beside have no key. Without a value only IS NULL holds; with several, one that fits is enough. The same as
// condition() says in SQL.
bool holds(const Clause& clause, std::span<const Stored> values);

}  // namespace millrace::search
