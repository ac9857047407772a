#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "sql/calendar.h"
#include "sql/function.h"
#include "sql/token.h"

namespace millrace::sql {
namespace {

Value cannot_convert(std::string_view text, std::string_view type, Scratch& scratch) {
  const std::string_view shown = text.substr(0, 40);
  return Value::error(scratch.copy(fmt::format("could not convert string '{}' to {}", shown, type)));
}

std::string_view without_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(kSpace) + 1));
  return text;
}

// Beyond the range it is infinite.
std::optional<double> parse_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.starts_with('+') || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    const bool tiny = text.contains("e-") || text.contains("E-");
    value = std::copysign(tiny ? 0.0 : std::numeric_limits<double>::infinity(), text.starts_with('-') ? -1.0 : 1.0);
  } else if (parsed.ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

bool fits_bigint(double x) { return x >= -9223372036854775808.0 && x < 9223372036854775808.0; }

Value text_to_bigint(const Value* a, Scratch& scratch) {
  std::string_view text = without_space(a[0].text);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t integer = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return Value::of(integer);
  const auto number = parse_double(text);
  const bool numeric =
      std::ranges::all_of(text, [](char c) { return std::string_view("0123456789+-.eE").contains(c); });
  if (!number || !numeric || parsed.ec == std::errc::result_out_of_range || !fits_bigint(std::round(*number)))
    return cannot_convert(a[0].text, "bigint", scratch);
  return Value::of(static_cast<std::int64_t>(std::round(*number)));
}

Value text_to_double(const Value* a, Scratch& scratch) {
  const auto value = parse_double(without_space(a[0].text));
  return value ? Value::of(*value) : cannot_convert(a[0].text, "double", scratch);
}

Value text_to_boolean(const Value* a, Scratch& scratch) {
  const std::string_view text = a[0].text;
  const auto is = [&](std::string_view word) {
    return std::ranges::equal(text, word, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
  };
  for (const std::string_view word : {"true", "t", "1", "yes", "y"})
    if (is(word)) return Value::of(true);
  for (const std::string_view word : {"false", "f", "0", "no", "n"})
    if (is(word)) return Value::of(false);
  return cannot_convert(text, "boolean", scratch);
}

Value text_to_timestamp(const Value* a, Scratch& scratch) {
  const auto us = parse_timestamp(a[0].text);
  return us ? Value::of(*us) : cannot_convert(a[0].text, "timestamp", scratch);
}
Value timestamp_to_date(const Value* a, Scratch&) { return Value::of(day_number(a[0].integer) * kMicrosPerDay); }
Value text_to_date(const Value* a, Scratch& scratch) {
  const Value time = text_to_timestamp(a, scratch);
  return time.is_present() ? timestamp_to_date(&time, scratch) : time;
}

// Halves to even.
Value double_to_bigint(const Value* a, Scratch&) {
  const double rounded = std::nearbyint(a[0].number);
  if (!fits_bigint(rounded)) return Value::error("double is out of range for bigint");
  return Value::of(static_cast<std::int64_t>(rounded));
}
Value bigint_to_double(const Value* a, Scratch&) { return Value::of(static_cast<double>(a[0].integer)); }
Value double_to_boolean(const Value* a, Scratch&) { return Value::of(a[0].number != 0); }
Value bigint_to_boolean(const Value* a, Scratch&) { return Value::of(a[0].integer != 0); }

Value bigint_to_text(const Value* a, Scratch& scratch) {
  return Value::of(scratch.copy(fmt::format_int(a[0].integer).c_str()));
}
Value double_to_text(const Value* a, Scratch& scratch) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), "{}", a[0].number);
  const bool whole = std::ranges::all_of(text, [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
  if (whole) text.append(std::string_view(".0"));
  return Value::of(scratch.copy({text.data(), text.size()}));
}
Value boolean_to_text(const Value* a, Scratch&) { return Value::of(std::string_view(a[0].integer ? "true" : "false")); }
Value timestamp_to_text(const Value* a, Scratch& scratch) {
  return Value::of(scratch.copy(timestamp_text(a[0].integer)));
}
Value date_to_text(const Value* a, Scratch& scratch) { return Value::of(scratch.copy(date_text(a[0].integer))); }

struct Cast {
  Kind from, to;
  Function function;
};
constexpr Cast kCasts[] = {
    {Kind::kVarchar, Kind::kBigint, text_to_bigint},    {Kind::kVarchar, Kind::kDouble, text_to_double},
    {Kind::kVarchar, Kind::kBoolean, text_to_boolean},  {Kind::kVarchar, Kind::kTimestamp, text_to_timestamp},
    {Kind::kVarchar, Kind::kDate, text_to_date},        {Kind::kDouble, Kind::kBigint, double_to_bigint},
    {Kind::kBigint, Kind::kDouble, bigint_to_double},   {Kind::kBoolean, Kind::kDouble, bigint_to_double},
    {Kind::kDouble, Kind::kBoolean, double_to_boolean}, {Kind::kBigint, Kind::kBoolean, bigint_to_boolean},
    {Kind::kBigint, Kind::kVarchar, bigint_to_text},    {Kind::kDouble, Kind::kVarchar, double_to_text},
    {Kind::kBoolean, Kind::kVarchar, boolean_to_text},  {Kind::kTimestamp, Kind::kVarchar, timestamp_to_text},
    {Kind::kDate, Kind::kVarchar, date_to_text},        {Kind::kTimestamp, Kind::kDate, timestamp_to_date},
};

template <int Bytes>
Value narrowed(const Value* a, Scratch&) {
  constexpr std::int64_t kMost = (std::int64_t{1} << (8 * Bytes - 1)) - 1;
  if (a[0].integer > kMost || a[0].integer < -kMost - 1) return Value::error("integer is out of range for the type");
  return a[0];
}

}  // namespace

Function find_cast(Kind from, Kind to) {
  for (const Cast& cast : kCasts)
    if (cast.from == from && cast.to == to) return cast.function;
  return nullptr;
}

bool is_free_cast(Kind from, Kind to) {
  return from == to || from == Kind::kNull || (from == Kind::kBoolean && to == Kind::kBigint) ||
         (from == Kind::kDate && to == Kind::kTimestamp);
}

std::optional<CastTarget> find_cast_target(std::string_view type_word) {
  struct Named {
    std::string_view name;
    CastTarget target;
  };
  static constexpr Named kTargets[] = {
      {"bigint", {Kind::kBigint}},       {"int8", {Kind::kBigint}},        {"long", {Kind::kBigint}},
      {"integer", {Kind::kBigint, 4}},   {"int", {Kind::kBigint, 4}},      {"int4", {Kind::kBigint, 4}},
      {"smallint", {Kind::kBigint, 2}},  {"tinyint", {Kind::kBigint, 1}},  {"double", {Kind::kDouble}},
      {"float8", {Kind::kDouble}},       {"varchar", {Kind::kVarchar}},    {"text", {Kind::kVarchar}},
      {"string", {Kind::kVarchar}},      {"boolean", {Kind::kBoolean}},    {"bool", {Kind::kBoolean}},
      {"timestamp", {Kind::kTimestamp}}, {"datetime", {Kind::kTimestamp}}, {"date", {Kind::kDate}},
  };
  for (const Named& named : kTargets)
    if (named.name == type_word) return named.target;
  return std::nullopt;
}

Function narrow_integer(int bytes) {
  return bytes == 4 ? narrowed<4> : bytes == 2 ? narrowed<2> : bytes == 1 ? narrowed<1> : nullptr;
}

}  // namespace millrace::sql
