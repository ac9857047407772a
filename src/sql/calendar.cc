#include "sql/calendar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::sql {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool skip(char c) { return text_.starts_with(c) && (text_.remove_prefix(1), true); }
  std::string_view rest() const { return text_; }

  std::optional<int> number(std::size_t max_digits) {
    std::size_t digits = 0;
    while (digits < text_.size() && digits < max_digits && text_[digits] >= '0' && text_[digits] <= '9') ++digits;
    if (digits == 0) return std::nullopt;
    int value = 0;
    std::from_chars(text_.data(), text_.data() + digits, value);
    text_.remove_prefix(digits);
    return value;
  }

  // Digits after a point, as microseconds; those after the sixth are dropped.
  std::optional<std::int64_t> fraction() {
    std::int64_t us = 0;
    int digits = 0;
    for (; !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; text_.remove_prefix(1), ++digits)
      if (digits < 6) us = us * 10 + (text_[0] - '0');
    if (digits == 0) return std::nullopt;
    for (; digits < 6; ++digits) us *= 10;
    return us;
  }

 private:
  std::string_view text_;
};

std::optional<std::int64_t> read_date(Reader& in) {
  const auto year = in.number(6);
  if (!year || !in.skip('-')) return std::nullopt;
  const auto month = in.number(2);
  if (!month || !in.skip('-')) return std::nullopt;
  const auto day = in.number(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return day_number(date) * kMicrosPerDay;
}

std::optional<std::int64_t> read_time_of_day(Reader& in) {
  const auto hour = in.number(2);
  if (!hour || !in.skip(':')) return std::nullopt;
  const auto minute = in.number(2);
  if (!minute) return std::nullopt;
  int second = 0;
  std::int64_t fraction = 0;
  if (in.skip(':')) {
    const auto read = in.number(2);
    if (!read) return std::nullopt;
    second = *read;
    if (in.skip('.')) {
      const auto us = in.fraction();
      if (!us) return std::nullopt;
      fraction = *us;
    }
  }
  if (*hour > 23 || *minute > 59 || second > 59) return std::nullopt;
  return *hour * kMicrosPerHour + *minute * kMicrosPerMinute + second * kMicrosPerSecond + fraction;
}

}  // namespace

std::int64_t iso_week(std::int64_t day) {
  const std::int64_t thursday = monday_of(day) + 3;
  const auto year = civil(thursday * kMicrosPerDay).year();
  return (thursday - day_number(year / std::chrono::January / 1)) / 7 + 1;
}

std::int64_t month_number(std::int64_t us) {
  const auto date = civil(us);
  return std::int64_t{int{date.year()}} * 12 + static_cast<int>(unsigned{date.month()}) - 1;
}

std::optional<std::int64_t> add_months(std::int64_t us, std::int64_t months) {
  constexpr std::int64_t kMostMonths = 12 * 30'000;
  if (months > kMostMonths || months < -kMostMonths) return std::nullopt;
  const std::int64_t month = month_number(us) + months;
  const auto year = std::chrono::year(static_cast<int>(floor_divide(month, 12)));
  if (floor_divide(month, 12) > 32'000 || floor_divide(month, 12) < -32'000) return std::nullopt;
  const auto of_year = std::chrono::month(static_cast<unsigned>(floor_modulo(month, 12) + 1));
  const auto last = std::chrono::year_month_day_last(year, std::chrono::month_day_last(of_year)).day();
  const auto day = std::min(civil(us).day(), last);
  return day_number(year / of_year / day) * kMicrosPerDay + floor_modulo(us, kMicrosPerDay);
}

std::string date_text(std::int64_t us) {
  const auto date = civil(us);
  return fmt::format("{:04}-{:02}-{:02}", int{date.year()}, unsigned{date.month()}, unsigned{date.day()});
}

std::string timestamp_text(std::int64_t us) {
  const std::int64_t time = floor_modulo(us, kMicrosPerDay);
  std::string text = fmt::format("{} {:02}:{:02}:{:02}", date_text(us), time / kMicrosPerHour,
                                 time / kMicrosPerMinute % 60, time / kMicrosPerSecond % 60);
  if (const std::int64_t fraction = time % kMicrosPerSecond; fraction != 0) {
    text += fmt::format(".{:06}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(' ') + 1));
  Reader in(text);
  const auto date = read_date(in);
  if (!date || in.done()) return date;
  if (!in.skip(' ') && !in.skip('T')) return std::nullopt;
  const auto time = read_time_of_day(in);
  if (!time) return std::nullopt;
  in.skip('Z');
  return in.done() ? std::optional(*date + *time) : std::nullopt;
}

}  // namespace millrace::sql
