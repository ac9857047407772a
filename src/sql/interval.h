#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "sql/kind.h"

namespace millrace::sql {

// One unit of an interval: so many microseconds, or so many months.
struct IntervalUnit {
  std::string_view name;  // singular
  Kind kind;              // kInterval or kMonths
  std::int64_t size;
};

// "minute", "minutes", "MINUTES"; nullptr where there is no such unit.
const IntervalUnit* find_interval_unit(std::string_view name);

struct Interval {
  Kind kind = Kind::kInterval;
  std::int64_t size = 0;
};

// "30 minutes", "1 day 12 hours", "-3 months". Months and smaller units do not mix. The error is a message.
std::expected<Interval, std::string> parse_interval(std::string_view text);

}  // namespace millrace::sql
