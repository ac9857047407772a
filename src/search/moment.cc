#include "search/moment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <vector>

namespace millrace::search {

namespace {

using namespace std::chrono_literals;

constexpr int kMostUnits = 1'000'000;

std::vector<std::string> lower_words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c != ' ') {
      words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

Timestamp midnight(Timestamp time) {
  constexpr std::int64_t kDay = std::chrono::microseconds(24h).count();
  const std::int64_t past = ((time.us % kDay) + kDay) % kDay;
  return {time.us - past};
}

Timestamp months_before(Timestamp now, int months) {
  using namespace std::chrono;
  const Timestamp midnight_now = midnight(now);
  const sys_days day = floor<days>(sys_time<microseconds>(microseconds(now.us)));
  year_month_day date = year_month_day(day) - std::chrono::months(months);
  if (!date.ok()) date = date.year() / date.month() / last;
  const auto moved = duration_cast<microseconds>(sys_days(date).time_since_epoch());
  return {moved.count() + (now.us - midnight_now.us)};
}

std::optional<int> count_of(std::string_view word) {
  if (word == "a" || word == "an" || word == "one") return 1;
  int count = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (error != std::errc{} || end != word.data() + word.size() || count < 0 || count > kMostUnits) return std::nullopt;
  return count;
}

std::optional<Timestamp> ago(int count, std::string_view unit, Timestamp now) {
  struct Unit {
    std::string_view name;
    Duration length;
  };
  constexpr std::array<Unit, 5> kUnits = {
      {{"second", 1s}, {"minute", 1min}, {"hour", 1h}, {"day", 24h}, {"week", 168h}}};
  if (unit.ends_with('s')) unit.remove_suffix(1);
  if (unit == "month") return months_before(now, std::min(count, 12 * 10'000));
  if (unit == "year") return months_before(now, 12 * std::min(count, 10'000));
  const auto found = std::ranges::find(kUnits, unit, &Unit::name);
  if (found == kUnits.end()) return std::nullopt;
  return now - found->length * count;
}

}  // namespace

std::optional<Timestamp> parse_moment(std::string_view text, Timestamp now) {
  if (const auto time = parse_time(text)) return *time;
  const auto words = lower_words(text);
  if (words.size() == 1 && words[0] == "now") return now;
  if (words.size() == 1 && words[0] == "today") return midnight(now);
  if (words.size() == 1 && words[0] == "yesterday") return midnight(now) - 24h;
  if (words.size() != 3 || words[2] != "ago") return std::nullopt;
  const auto count = count_of(words[0]);
  return count ? ago(*count, words[1], now) : std::nullopt;
}

}  // namespace millrace::search
