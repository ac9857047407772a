#include "cli/text.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/time.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kNothing = "-";

std::string list_text(const Json& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + cell(item);
  return out.empty() ? std::string(kNothing) : out;
}

// Whole numbers whole, as JSON may carry them with a ".0".
std::string number_text(double value) {
  bool whole = std::abs(value) < 1e15 && value == std::trunc(value);
  return whole ? fmt::format("{:.0f}", value) : fmt::format("{:.6g}", value);
}

std::string pairs_text(const Json& object) {
  std::string out;
  for (const auto& [key, value] : object.items())
    out += fmt::format(fmt::runtime(value.is_object() ? "{}{}={{{}}}" : "{}{}={}"), out.empty() ? "" : ", ", key,
                       cell(value));
  return out.empty() ? std::string(kNothing) : out;
}

}  // namespace

const Json& member(const Json& object, std::string_view key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  auto found = object.find(std::string(key));
  return found == object.end() ? nothing : *found;
}

std::string cell(const Json& value) {
  if (value.is_null()) return std::string(kNothing);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) return list_text(value);
  if (value.is_object()) return pairs_text(value);
  if (value.is_number_float()) return number_text(value.get<double>());
  return dump_json(value);
}

std::string cell(const Json& object, std::string_view key) { return cell(member(object, key)); }

std::string cell_or_empty(const Json& object, std::string_view key) {
  auto text = cell(object, key);
  return text == kNothing ? std::string() : text;
}

std::string short_time(const Json& object, std::string_view key) {
  auto text = cell(object, key);
  if (text.size() < 16 || text[10] != 'T') return text;
  return text.substr(0, 10) + " " + text.substr(11, 5);
}

std::string short_date(const Json& object, std::string_view key) {
  auto text = short_time(object, key);
  return text.ends_with(" 00:00") ? text.substr(0, 10) : text;
}

std::string shortened(std::string text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size) + "...";
}

std::string elapsed(const Json& object, std::string_view from, std::string_view until) {
  auto start = parse_time(cell(object, from)), end = parse_time(cell(object, until));
  if (!start || !end) return std::string(kNothing);
  auto tenths = (*end - *start).count() / 100'000;
  auto seconds = tenths / 10;
  if (seconds < 10) return fmt::format("{}.{} s", seconds, tenths % 10);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} m {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} m", seconds / 3600, seconds % 3600 / 60);
}

std::string decimal(const Json& value, int digits) {
  return value.is_number() ? fmt::format("{:.{}f}", value.get<double>(), digits) : std::string(kNothing);
}

std::string bytes(const Json& value) {
  if (!value.is_number()) return std::string(kNothing);
  return fmt::format("{:.1f} MiB", value.get<double>() / (1 << 20));
}

std::string version(const Json& object, std::string_view key) {
  auto text = cell(object, key);
  return text == kNothing || text.empty() ? std::string(kNothing) : "v" + text;
}

std::string short_id(const Json& object, std::string_view key) {
  auto text = cell(object, key);
  return text.empty() ? std::string(kNothing) : text.substr(0, 8);
}

}  // namespace millrace::cli
