#include "sql/interval.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "sql/token.h"

namespace millrace::sql {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::array<IntervalUnit, 10> kUnits = {{
    {"microsecond", Kind::kInterval, 1},
    {"millisecond", Kind::kInterval, 1000},
    {"second", Kind::kInterval, kSecond},
    {"minute", Kind::kInterval, 60 * kSecond},
    {"hour", Kind::kInterval, 3600 * kSecond},
    {"day", Kind::kInterval, 86400 * kSecond},
    {"week", Kind::kInterval, 7 * 86400 * kSecond},
    {"month", Kind::kMonths, 1},
    {"quarter", Kind::kMonths, 3},
    {"year", Kind::kMonths, 12},
}};

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

const IntervalUnit* find_interval_unit(std::string_view name) {
  std::string singular = to_lower(name);
  if (singular.size() > 1 && singular.ends_with('s')) singular.pop_back();
  for (const IntervalUnit& unit : kUnits)
    if (unit.name == singular) return &unit;
  return nullptr;
}

std::expected<Interval, std::string> parse_interval(std::string_view text) {
  const std::string whole(text);
  const auto bad = [&] {
    return std::unexpected(
        fmt::format("cannot read the interval \"{}\"; write it as '30 minutes' or '1 month'", whole));
  };
  std::optional<Interval> sum;
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    std::int64_t count = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), count);
    const IntervalUnit* unit = find_interval_unit(take_word(text));
    if (parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size() || !unit) return bad();
    if (!sum) sum = Interval{unit->kind, 0};
    if (sum->kind != unit->kind)
      return std::unexpected("an interval cannot mix months with smaller units; add them one by one");
    std::int64_t part = 0;
    if (__builtin_mul_overflow(count, unit->size, &part) || __builtin_add_overflow(sum->size, part, &sum->size))
      return bad();
  }
  if (!sum) return bad();
  return *sum;
}

}  // namespace millrace::sql
