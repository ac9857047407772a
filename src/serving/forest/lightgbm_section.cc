#include "serving/forest/lightgbm_section.h"

#include <algorithm>
#include <charconv>

namespace millrace::serving {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<std::string_view> value_of(const LightgbmSection& section, std::string_view key) {
  const auto found = section.find(key);
  if (!found) return data_loss("broken model file: no {} where one must be", key);
  return *found;
}

template <class Number>
Result<std::vector<Number>> numbers(std::string_view text, std::string_view key, std::size_t count) {
  std::vector<Number> values;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    while (at != end && *at == ' ') ++at;
    if (at == end) break;
    auto [next, error] = std::from_chars(at, end, values.emplace_back());
    if (error != std::errc{} || (next != end && *next != ' ')) {
      return data_loss("broken model file: {} holds something else than numbers", key);
    }
    at = next;
  }
  if (values.size() != count) {
    return data_loss("broken model file: {} holds {} numbers, not {}", key, values.size(), count);
  }
  return values;
}

}  // namespace

std::optional<std::string_view> LightgbmSection::find(std::string_view key) const {
  const auto found = std::ranges::find(lines, key, &std::pair<std::string_view, std::string_view>::first);
  if (found == lines.end()) return std::nullopt;
  return found->second;
}

LightgbmSection take_section(std::string_view& text) {
  LightgbmSection section;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty() && !section.lines.empty()) break;
    if (line.empty()) continue;
    const std::size_t equals = std::min(line.find('='), line.size());
    section.lines.emplace_back(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
  }
  return section;
}

Result<std::int64_t> integer_in(const LightgbmSection& section, std::string_view key) {
  return TRY(integers_in(section, key, 1)).front();
}

Result<std::vector<double>> reals_in(const LightgbmSection& section, std::string_view key, std::size_t count) {
  return numbers<double>(TRY(value_of(section, key)), key, count);
}

Result<std::vector<std::int64_t>> integers_in(const LightgbmSection& section, std::string_view key, std::size_t count) {
  return numbers<std::int64_t>(TRY(value_of(section, key)), key, count);
}

}  // namespace millrace::serving
