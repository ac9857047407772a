#include <algorithm>
#include <cmath>

#include "sql/calendar.h"
#include "sql/function.h"
#include "sql/token.h"

namespace millrace::sql {
namespace {

constexpr Kind I = Kind::kBigint, D = Kind::kDouble, T = Kind::kTimestamp, N = Kind::kInterval, M = Kind::kMonths,
               Day = Kind::kDate;
constexpr std::string_view kOutOfRange = "timestamp out of range";

std::int64_t time_of_day(std::int64_t us) { return floor_modulo(us, kMicrosPerDay); }

std::int64_t hour(std::int64_t us) { return time_of_day(us) / kMicrosPerHour; }
std::int64_t minute(std::int64_t us) { return time_of_day(us) / kMicrosPerMinute % 60; }
std::int64_t second(std::int64_t us) { return time_of_day(us) / kMicrosPerSecond % 60; }
std::int64_t day(std::int64_t us) { return unsigned{civil(us).day()}; }
std::int64_t month(std::int64_t us) { return unsigned{civil(us).month()}; }
std::int64_t year(std::int64_t us) { return int{civil(us).year()}; }
std::int64_t quarter(std::int64_t us) { return (month(us) + 2) / 3; }
std::int64_t isodow(std::int64_t us) { return iso_weekday(day_number(us)); }
std::int64_t dayofweek(std::int64_t us) { return isodow(us) % 7; }
std::int64_t dayofyear(std::int64_t us) {
  return day_number(us) - day_number(civil(us).year() / std::chrono::January / 1) + 1;
}
std::int64_t week(std::int64_t us) { return iso_week(day_number(us)); }
std::int64_t epoch_ms(std::int64_t us) { return us / 1000; }  // towards zero, as DuckDB
std::int64_t epoch_us(std::int64_t us) { return us; }

std::int64_t trunc_year(std::int64_t us) { return day_number(civil(us).year() / 1 / 1) * kMicrosPerDay; }
std::int64_t trunc_month(std::int64_t us) {
  return day_number(civil(us).year() / civil(us).month() / 1) * kMicrosPerDay;
}
std::int64_t trunc_quarter(std::int64_t us) {
  const auto first = std::chrono::month(static_cast<unsigned>(quarter(us) * 3 - 2));
  return day_number(civil(us).year() / first / 1) * kMicrosPerDay;
}
std::int64_t trunc_week(std::int64_t us) { return monday_of(day_number(us)) * kMicrosPerDay; }
template <std::int64_t Unit>
std::int64_t trunc_to(std::int64_t us) {
  return us - floor_modulo(us, Unit);
}

template <std::int64_t Unit>
std::int64_t number_of(std::int64_t us) {
  return floor_divide(us, Unit);
}
std::int64_t quarter_number(std::int64_t us) { return floor_divide(month_number(us), 3); }

template <std::int64_t (*F)(std::int64_t)>
Value of_time(const Value* a, Scratch&) {
  return Value::of(F(a[0].integer));
}
// How many boundaries lie between two moments.
template <std::int64_t (*Number)(std::int64_t)>
Value difference(const Value* a, Scratch&) {
  std::int64_t r = 0;
  if (__builtin_sub_overflow(Number(a[1].integer), Number(a[0].integer), &r))
    return Value::error("integer out of range");
  return Value::of(r);
}

// Full weeks between the two dates; DuckDB counts no boundaries here.
Value weeks_between(const Value* a, Scratch&) {
  return Value::of((day_number(a[1].integer) - day_number(a[0].integer)) / 7);
}

Value epoch(const Value* a, Scratch&) { return Value::of(static_cast<double>(a[0].integer) / kMicrosPerSecond); }

// Whole days and the rest are added as doubles, as DuckDB does.
Value epoch_of_span(const Value* a, Scratch&) {
  const std::int64_t days = a[0].integer / kMicrosPerDay, rest = a[0].integer % kMicrosPerDay;
  return Value::of(static_cast<double>(days * 86'400) + static_cast<double>(rest) / kMicrosPerSecond);
}

Value add_span(const Value* a, Scratch&) {
  std::int64_t r = 0;
  if (__builtin_add_overflow(a[0].integer, a[1].integer, &r)) return Value::error(kOutOfRange);
  return Value::of(r);
}
Value add_span_swapped(const Value* a, Scratch& s) {
  const Value swapped[] = {a[1], a[0]};
  return add_span(swapped, s);
}
Value subtract_span(const Value* a, Scratch&) {
  std::int64_t r = 0;
  if (__builtin_sub_overflow(a[0].integer, a[1].integer, &r)) return Value::error(kOutOfRange);
  return Value::of(r);
}
Value negate_span(const Value* a, Scratch&) {
  return a[0].integer == INT64_MIN ? Value::error(kOutOfRange) : Value::of(-a[0].integer);
}
Value plus_months(std::int64_t us, std::int64_t months) {
  const auto moved = add_months(us, months);
  return moved ? Value::of(*moved) : Value::error(kOutOfRange);
}
Value add_month_span(const Value* a, Scratch&) { return plus_months(a[0].integer, a[1].integer); }
Value add_month_span_swapped(const Value* a, Scratch&) { return plus_months(a[1].integer, a[0].integer); }
Value subtract_month_span(const Value* a, Scratch&) {
  return a[1].integer == INT64_MIN ? Value::error(kOutOfRange) : plus_months(a[0].integer, -a[1].integer);
}
template <int Sign>
Value add_days(const Value* a, Scratch&) {
  std::int64_t us = 0;
  if (__builtin_mul_overflow(a[1].integer, Sign * kMicrosPerDay, &us) || __builtin_add_overflow(a[0].integer, us, &us))
    return Value::error(kOutOfRange);
  return Value::of(us);
}
Value days_between(const Value* a, Scratch&) { return Value::of((a[0].integer - a[1].integer) / kMicrosPerDay); }

template <std::int64_t Unit>
Value units(const Value* a, Scratch&) {
  std::int64_t r = 0;
  if (__builtin_mul_overflow(a[0].integer, Unit, &r)) return Value::error("interval out of range");
  return Value::of(r);
}
Value fractional_seconds(const Value* a, Scratch&) {
  const double us = std::nearbyint(a[0].number * kMicrosPerSecond);
  if (!(std::fabs(us) < 9.2e18)) return Value::error("interval out of range");
  return Value::of(static_cast<std::int64_t>(us));
}

struct Part {
  std::string_view name;
  std::string_view function;  // of date_part
  Function trunc;
  Function diff;
};
constexpr Part kParts[] = {
    {"microsecond", "", of_time<epoch_us>, difference<number_of<1>>},
    {"millisecond", "", of_time<trunc_to<1000>>, difference<number_of<1000>>},
    {"second", "second", of_time<trunc_to<kMicrosPerSecond>>, difference<number_of<kMicrosPerSecond>>},
    {"minute", "minute", of_time<trunc_to<kMicrosPerMinute>>, difference<number_of<kMicrosPerMinute>>},
    {"hour", "hour", of_time<trunc_to<kMicrosPerHour>>, difference<number_of<kMicrosPerHour>>},
    {"day", "day", of_time<trunc_to<kMicrosPerDay>>, difference<number_of<kMicrosPerDay>>},
    {"week", "week", of_time<trunc_week>, weeks_between},
    {"month", "month", of_time<trunc_month>, difference<month_number>},
    {"quarter", "quarter", of_time<trunc_quarter>, difference<quarter_number>},
    {"year", "year", of_time<trunc_year>, difference<year>},
    {"dow", "dayofweek", nullptr, nullptr},
    {"dayofweek", "dayofweek", nullptr, nullptr},
    {"isodow", "isodow", nullptr, nullptr},
    {"doy", "dayofyear", nullptr, nullptr},
    {"dayofyear", "dayofyear", nullptr, nullptr},
    {"epoch", "epoch", nullptr, nullptr},
};

const Part* find_part(std::string_view name) {
  const std::string lower = to_lower(name);
  const auto is = [&](const Part& part) {
    return part.name == lower || (part.trunc && lower == fmt::format("{}s", part.name));
  };
  const auto found = std::ranges::find_if(kParts, is);
  return found == std::end(kParts) ? nullptr : found;
}

}  // namespace

Function find_date_trunc(std::string_view part) {
  const Part* found = find_part(part);
  return found ? found->trunc : nullptr;
}
Function find_date_diff(std::string_view part) {
  const Part* found = find_part(part);
  return found ? found->diff : nullptr;
}
std::string_view find_date_part(std::string_view part) {
  const Part* found = find_part(part);
  return found ? found->function : "";
}
const std::vector<std::string>& date_part_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Part& part : kParts) list.emplace_back(part.name);
    return list;
  }();
  return names;
}

std::span<const Signature> time_functions() {
  static const std::vector<Signature> table = {
      {"hour", {T}, I, of_time<hour>},
      {"minute", {T}, I, of_time<minute>},
      {"second", {T}, I, of_time<second>},
      {"day", {T}, I, of_time<day>},
      {"dayofmonth", {T}, I, of_time<day>},
      {"month", {T}, I, of_time<month>},
      {"quarter", {T}, I, of_time<quarter>},
      {"year", {T}, I, of_time<year>},
      {"dayofweek", {T}, I, of_time<dayofweek>},
      {"weekday", {T}, I, of_time<dayofweek>},
      {"isodow", {T}, I, of_time<isodow>},
      {"dayofyear", {T}, I, of_time<dayofyear>},
      {"week", {T}, I, of_time<week>},
      {"weekofyear", {T}, I, of_time<week>},
      {"epoch", {T}, D, epoch},
      {"epoch", {N}, D, epoch_of_span},
      {"epoch_ms", {T}, I, of_time<epoch_ms>},
      {"epoch_us", {T}, I, of_time<epoch_us>},
      {"to_microseconds", {I}, N, units<1>},
      {"to_milliseconds", {I}, N, units<1000>},
      {"to_seconds", {I}, N, units<kMicrosPerSecond>},
      {"to_seconds", {D}, N, fractional_seconds},
      {"to_minutes", {I}, N, units<kMicrosPerMinute>},
      {"to_hours", {I}, N, units<kMicrosPerHour>},
      {"to_days", {I}, N, units<kMicrosPerDay>},
      {"to_weeks", {I}, N, units<7 * kMicrosPerDay>},
      {"to_months", {I}, M, units<1>},
      {"to_quarters", {I}, M, units<3>},
      {"to_years", {I}, M, units<12>},
      {"+", {T, N}, T, add_span},
      {"+", {N, T}, T, add_span_swapped},
      {"+", {T, M}, T, add_month_span},
      {"+", {M, T}, T, add_month_span_swapped},
      {"+", {N, N}, N, add_span},
      {"+", {M, M}, M, add_span},
      {"-", {T, N}, T, subtract_span},
      {"-", {T, M}, T, subtract_month_span},
      {"-", {N, N}, N, subtract_span},
      {"-", {M, M}, M, subtract_span},
      {"-", {N}, N, negate_span},
      {"-", {M}, M, negate_span},
      {"-", {Day, Day}, I, days_between},
      {"-", {T, T}, N, subtract_span},
      {"+", {Day, I}, Day, add_days<1>},
      {"-", {Day, I}, Day, add_days<-1>},
  };
  return table;
}

}  // namespace millrace::sql
