#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::sql {

inline constexpr std::int64_t kMicrosPerSecond = 1'000'000;
inline constexpr std::int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
inline constexpr std::int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
inline constexpr std::int64_t kMicrosPerDay = 24 * kMicrosPerHour;

// Towards minus infinity.
constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }
constexpr std::int64_t floor_modulo(std::int64_t a, std::int64_t b) { return a % b + (a % b < 0 ? b : 0); }

constexpr std::int64_t day_number(std::int64_t us) { return floor_divide(us, kMicrosPerDay); }

inline std::chrono::year_month_day civil(std::int64_t us) {
  return std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(day_number(us))));
}
inline std::int64_t day_number(std::chrono::year_month_day date) {
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// Monday 1 to Sunday 7.
constexpr std::int64_t iso_weekday(std::int64_t day) { return floor_modulo(day + 3, 7) + 1; }
constexpr std::int64_t monday_of(std::int64_t day) { return day - (iso_weekday(day) - 1); }
// ISO 8601 week of the year: the week of its Thursday.
std::int64_t iso_week(std::int64_t day);

// Months since year 0.
std::int64_t month_number(std::int64_t us);
// The last day of a shorter month where there is no such day; nullopt out of range.
std::optional<std::int64_t> add_months(std::int64_t us, std::int64_t months);

// "2001-01-31 09:05:00", "2001-01-31 09:05:00.25"
std::string timestamp_text(std::int64_t us);
std::string date_text(std::int64_t us);
// "2001-1-31", "2001-01-31 9:05", "2001-01-31T09:05:00.25Z"
std::optional<std::int64_t> parse_timestamp(std::string_view text);

}  // namespace millrace::sql
