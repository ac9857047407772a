#pragma once

#include <cstdint>
#include <string_view>

#include "sql/value.h"

namespace millrace::sql {

// The types inside an expression: those of columns, and those that only pass through. Of a kDate the value is its
// midnight as a timestamp; of a kInterval, microseconds; of kMonths, an interval of whole months.
enum class Kind : std::uint8_t {
  kNull,
  kBoolean,
  kBigint,
  kDouble,
  kVarchar,
  kTimestamp,
  kDate,
  kInterval,
  kMonths,
};

constexpr Kind kind_of(Type type) { return static_cast<Kind>(static_cast<int>(type) + 1); }
static_assert(kind_of(Type::kBoolean) == Kind::kBoolean && kind_of(Type::kTimestamp) == Kind::kTimestamp);

constexpr std::string_view kind_name(Kind kind) {
  constexpr std::string_view kNames[] = {"null",      "boolean", "bigint",   "double",  "varchar",
                                         "timestamp", "date",    "interval", "interval"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace millrace::sql
