#include "triggers/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace millrace::triggers {
namespace {

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kDay = 24 * 60 * kMinute;
constexpr int kMinutesOfDay = 24 * 60;
constexpr std::int64_t kSearchDays = 9 * 366;  // from one February 29 to the next there are at most eight years
constexpr std::int64_t kLastDay = 2'932'896;   // 9999-12-31

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Shorthand {
  std::string_view name;
  std::string_view fields;
};
constexpr std::array<Shorthand, 7> kShorthands{{{"@yearly", "0 0 1 1 *"},
                                                {"@annually", "0 0 1 1 *"},
                                                {"@monthly", "0 0 1 * *"},
                                                {"@weekly", "0 0 * * 0"},
                                                {"@daily", "0 0 * * *"},
                                                {"@midnight", "0 0 * * *"},
                                                {"@hourly", "0 * * * *"}}};

struct Field {
  std::string_view name;
  int low;
  int high;
  std::span<const std::string_view> names;
  int first_named;
};
constexpr Field kMinuteField{"minute", 0, 59, {}, 0};
constexpr Field kHourField{"hour", 0, 23, {}, 0};
constexpr Field kDayField{"day of month", 1, 31, {}, 0};
constexpr Field kMonthField{"month", 1, 12, kMonths, 1};
constexpr Field kWeekdayField{"day of week", 0, 7, kWeekdays, 0};

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find_first_of(separators, from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::vector<std::string_view> words(std::string_view text) {
  auto parts = split(text, " \t");
  std::erase(parts, "");
  return parts;
}

std::unexpected<Error> refuse(const Field& field, std::string_view text) {
  const std::string names =
      field.names.empty() ? "" : fmt::format(" or {} to {}", field.names.front(), field.names.back());
  return invalid_argument(
      "\"{}\" is not a {} of a cron schedule; it may be {} to {}{}, *, a range like {}-{}, a step like */2, "
      "or a list of these",
      text, field.name, field.low, field.high, names, field.low, field.high);
}

std::optional<int> read_number(const Field& field, std::string_view text) {
  const auto named = std::ranges::find(field.names, lower(text));
  if (named != field.names.end()) return field.first_named + static_cast<int>(named - field.names.begin());
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < field.low || value > field.high) return std::nullopt;
  return value;
}

// One member of a list: *, N, A-B, each with an optional /STEP.
template <std::size_t N>
Result<void> read_member(const Field& field, std::string_view text, std::bitset<N>& values) {
  const auto parts = split(text, "/");
  int step = 1;
  if (parts.size() > 1) {
    const auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), step);
    if (parts.size() > 2 || error != std::errc{} || end != parts[1].data() + parts[1].size() || step < 1) {
      return refuse(field, text);
    }
  }
  int low = field.low;
  int high = field.high == 7 ? 6 : field.high;
  if (parts[0] != "*") {
    const auto ends = split(parts[0], "-");
    const auto first = read_number(field, ends[0]);
    const auto last = ends.size() == 2 ? read_number(field, ends[1]) : first;
    if (!first || !last || ends.size() > 2 || *first > *last) return refuse(field, text);
    low = *first;
    high = ends.size() == 1 && parts.size() > 1 ? high : *last;
  }
  for (int value = low; value <= high; value += std::min(step, 60)) values.set(static_cast<std::size_t>(value));
  return {};
}

template <std::size_t N>
Result<void> read_field(const Field& field, std::string_view text, std::bitset<N>& values) {
  for (std::string_view member : split(text, ",")) TRY(read_member(field, member, values));
  return {};
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  const auto shorthand = std::ranges::find(kShorthands, lower(text), &Shorthand::name);
  const auto fields = words(shorthand != kShorthands.end() ? shorthand->fields : text);
  if (fields.size() != 5) {
    return invalid_argument(
        "\"{}\" is not a cron schedule: it needs minute, hour, day of month, month and day of week, like "
        "\"0 6 * * mon\", or @daily, @weekly, @monthly",
        text);
  }
  Cron cron;
  TRY(read_field(kMinuteField, fields[0], cron.minutes_));
  TRY(read_field(kHourField, fields[1], cron.hours_));
  TRY(read_field(kDayField, fields[2], cron.days_));
  TRY(read_field(kMonthField, fields[3], cron.months_));
  TRY(read_field(kWeekdayField, fields[4], cron.weekdays_));
  if (cron.weekdays_[7]) cron.weekdays_.set(0);
  cron.any_day_ = fields[2].starts_with('*');
  cron.any_weekday_ = fields[4].starts_with('*');
  return cron;
}

bool Cron::matches_day(std::int64_t day) const {
  const std::chrono::sys_days date{std::chrono::days{day}};
  const std::chrono::year_month_day civil{date};
  if (!months_[static_cast<unsigned>(civil.month())]) return false;
  const bool day_fits = days_[static_cast<unsigned>(civil.day())];
  const bool weekday_fits = weekdays_[std::chrono::weekday{date}.c_encoding()];
  if (any_day_ || any_weekday_) return day_fits && weekday_fits;
  return day_fits || weekday_fits;
}

std::optional<int> Cron::first_in_day(int from_minute) const {
  for (int minute = from_minute; minute < kMinutesOfDay; ++minute) {
    if (hours_[static_cast<std::size_t>(minute / 60)] && minutes_[static_cast<std::size_t>(minute % 60)]) return minute;
  }
  return std::nullopt;
}

std::optional<int> Cron::last_in_day(int to_minute) const {
  for (int minute = to_minute; minute >= 0; --minute) {
    if (hours_[static_cast<std::size_t>(minute / 60)] && minutes_[static_cast<std::size_t>(minute % 60)]) return minute;
  }
  return std::nullopt;
}

bool Cron::matches(Timestamp time) const {
  const std::int64_t minute = floor_div(time.us, kMinute);
  const std::int64_t day = floor_div(minute, kMinutesOfDay);
  const int of_day = static_cast<int>(minute - day * kMinutesOfDay);
  return matches_day(day) && first_in_day(of_day) == of_day;
}

std::optional<Timestamp> Cron::next_after(Timestamp time) const {
  const std::int64_t next_minute = floor_div(time.us, kMinute) + 1;
  const std::int64_t first_day = floor_div(next_minute, kMinutesOfDay);
  for (std::int64_t day = first_day; day <= std::min(first_day + kSearchDays, kLastDay); ++day) {
    if (!matches_day(day)) continue;
    const int from = day == first_day ? static_cast<int>(next_minute - day * kMinutesOfDay) : 0;
    if (const auto minute = first_in_day(from)) return Timestamp{day * kDay + *minute * kMinute};
  }
  return std::nullopt;
}

std::optional<Timestamp> Cron::last_until(Timestamp time, Timestamp after) const {
  const std::int64_t last_minute = floor_div(time.us, kMinute);
  const std::int64_t last_day = floor_div(last_minute, kMinutesOfDay);
  const std::int64_t first_day = std::max(floor_div(after.us, kDay), last_day - kSearchDays);
  for (std::int64_t day = last_day; day >= first_day; --day) {
    if (!matches_day(day)) continue;
    const int to = day == last_day ? static_cast<int>(last_minute - day * kMinutesOfDay) : kMinutesOfDay - 1;
    const auto minute = last_in_day(to);
    if (!minute) continue;
    const Timestamp found{day * kDay + *minute * kMinute};
    return found > after ? std::optional(found) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace millrace::triggers
