#include "net/rpc_text.h"

#include <charconv>

namespace millrace::net {
namespace {

constexpr std::size_t kMostDigits = 8;
constexpr Duration kLongest = std::chrono::hours(24 * 365);
constexpr std::string_view kGrpc = "application/grpc";

// Nanoseconds of a unit; 0 where it is none.
std::int64_t unit_of(char letter) {
  switch (letter) {
    case 'n':
      return 1;
    case 'u':
      return 1'000;
    case 'm':
      return 1'000'000;
    case 'S':
      return 1'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'H':
      return 3'600'000'000'000;
    default:
      return 0;
  }
}

}  // namespace

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const auto unit = unit_of(text.back());
  text.remove_suffix(1);
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (unit == 0 || count < 0 || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  // 99999999 hours are more nanoseconds than clocks have room for; and as good as no deadline.
  const double micros = static_cast<double>(count) * static_cast<double>(unit) / 1e3;
  return micros < static_cast<double>(kLongest.count()) ? Duration(static_cast<Duration::rep>(micros)) : kLongest;
}

bool is_grpc_content(std::string_view content_type) {
  if (!content_type.starts_with(kGrpc)) return false;
  content_type.remove_prefix(kGrpc.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

std::string encode_grpc_message(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '%') {
      encoded += c;
      continue;
    }
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

}  // namespace millrace::net
