#include "base/time.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace millrace {
namespace {

using namespace std::chrono;

// Reads digits from the front of a text.
class Digits {
 public:
  explicit Digits(std::string_view text) : rest_(text) {}

  bool number(int width, int& value) {
    if (rest_.size() < static_cast<std::size_t>(width)) return false;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + width, value);
    if (error != std::errc{} || end != rest_.data() + width || rest_.front() == '-') return false;
    rest_.remove_prefix(width);
    return true;
  }
  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool done() const { return rest_.empty(); }

  // ".25" as microseconds; digits past the sixth are dropped.
  bool fraction(std::int64_t& micros) {
    micros = 0;
    if (!skip('.')) return true;
    int digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; rest_.remove_prefix(1), ++digits)
      if (digits < 6) micros = micros * 10 + (rest_.front() - '0');
    for (int d = digits; d < 6; ++d) micros *= 10;
    return digits > 0;
  }

  // "Z", "+02:00" or nothing, as minutes east of UTC.
  bool zone(int& minutes) {
    minutes = 0;
    if (done() || skip('Z') || skip('z')) return true;
    int sign = skip('+') ? 1 : skip('-') ? -1 : 0;
    int h = 0, m = 0;
    if (sign == 0 || !number(2, h)) return false;
    skip(':');
    if (!done() && !number(2, m)) return false;
    minutes = sign * (h * 60 + m);
    return true;
  }

 private:
  std::string_view rest_;
};

struct Unit {
  std::string_view name;
  std::int64_t micros;
};
constexpr std::array kUnits{Unit{"w", 604'800'000'000},
                            Unit{"d", 86'400'000'000},
                            Unit{"h", 3'600'000'000},
                            Unit{"m", 60'000'000},
                            Unit{"s", 1'000'000},
                            Unit{"ms", 1'000},
                            Unit{"us", 1}};

}  // namespace

std::string format_time(Timestamp time) {
  auto point = sys_time<microseconds>(microseconds(time.us));
  auto day = floor<days>(point);
  year_month_day date{day};
  hh_mm_ss clock{point - day};
  auto text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()), unsigned(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (auto micros = clock.subseconds().count()) text += fmt::format(".{:06}", micros);
  return text + "Z";
}

Result<Timestamp> parse_time(std::string_view text) {
  Digits digits(text);
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, zone = 0;
  std::int64_t micros = 0;
  bool ok = digits.number(4, y) && digits.skip('-') && digits.number(2, mo) && digits.skip('-') && digits.number(2, d);
  if (ok && (digits.skip('T') || digits.skip(' '))) {
    ok = digits.number(2, h) && digits.skip(':') && digits.number(2, mi);
    if (ok && digits.skip(':')) ok = digits.number(2, s) && digits.fraction(micros);
    ok = ok && digits.zone(zone);
  }
  year_month_day date{year{y}, month(mo), day(d)};
  if (!ok || !digits.done() || !date.ok() || h > 23 || mi > 59 || s > 59)
    return invalid_argument("\"{}\" is not a time; write it like 2001-03-01T06:00:00Z", text.substr(0, 64));
  auto point = sys_days{date} + hours{h} + minutes{mi - zone} + seconds{s} + microseconds{micros};
  return Timestamp{duration_cast<microseconds>(point.time_since_epoch()).count()};
}

Result<Duration> parse_duration(std::string_view text) {
  auto body = text;
  bool negative = !body.empty() && body.front() == '-';
  if (negative) body.remove_prefix(1);
  std::int64_t count = 0;
  auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), count);
  std::string_view unit(end, body.data() + body.size() - end);
  for (const auto& known : kUnits) {
    std::int64_t micros = 0;
    if (error != std::errc{} || count < 0 || unit != known.name) continue;
    if (__builtin_mul_overflow(count, known.micros, &micros)) break;
    return Duration{negative ? -micros : micros};
  }
  return invalid_argument("\"{}\" is not a length of time; write it like 90s, 15m, 3h, 7d or 2w", text.substr(0, 64));
}

std::string format_duration(Duration duration) {
  auto micros = std::abs(duration.count());
  auto sign = duration.count() < 0 ? "-" : "";
  if (micros == 0) return "0s";
  for (const auto& unit : kUnits)
    if (unit.name != "w" && micros % unit.micros == 0)
      return fmt::format("{}{}{}", sign, micros / unit.micros, unit.name);
  return {};
}

Timestamp WallClock::now() const {
  return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
}

}  // namespace millrace
