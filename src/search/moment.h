#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace millrace::search {

// A moment as a person writes it: "2026-03-01", "2026-03-01 06:30", "now", "today", "yesterday" (their first moment, in
// UTC), "7 days ago", "an hour ago". Units: second, minute, hour, day, week, month, year; months and years are the
// calendar's, a day that the month lacks is its last one. Nothing for any other text.
std::optional<Timestamp> parse_moment(std::string_view text, Timestamp now);

}  // namespace millrace::search
