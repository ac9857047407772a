#include "base/bytes.h"

#include <array>
#include <charconv>

namespace millrace {
namespace {

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array kUnits = {
    Unit{"", 1},      Unit{"B", 1},      Unit{"kB", 1e3},      Unit{"MB", 1e6},         Unit{"GB", 1e9},
    Unit{"TB", 1e12}, Unit{"KiB", 1024}, Unit{"MiB", 1048576}, Unit{"GiB", 1073741824}, Unit{"TiB", 1099511627776}};
constexpr std::array<std::string_view, 5> kBinary = {"bytes", "KiB", "MiB", "GiB", "TiB"};

}  // namespace

Result<std::int64_t> parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& known : kUnits) {
    const double bytes = number * known.bytes;
    if (error == std::errc{} && unit == known.name && bytes >= 0 && bytes < 9e18)
      return static_cast<std::int64_t>(bytes);
  }
  return invalid_argument("\"{}\" is no size; write it like 512MiB or 1GiB", text);
}

std::string format_bytes(std::int64_t bytes) {
  auto number = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; number >= 1024 && unit + 1 < kBinary.size(); ++unit) number /= 1024;
  const bool whole = number == static_cast<double>(static_cast<std::int64_t>(number));
  return whole ? fmt::format("{:.0f} {}", number, kBinary[unit]) : fmt::format("{:.1f} {}", number, kBinary[unit]);
}

}  // namespace millrace
