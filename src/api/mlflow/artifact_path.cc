#include "api/mlflow/artifact_path.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "net/text.h"

namespace millrace::api::mlflow {

namespace {

constexpr int kMostDecodings = 10;

std::optional<int> digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// What is not an escape stays as it is, for names may have percent signs.
std::string decode_once(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : std::nullopt;
    const auto low = high ? digit(text[i + 2]) : std::nullopt;
    out += low ? static_cast<char>(*high * 16 + *low) : text[i];
    if (low) i += 2;
  }
  return out;
}

std::optional<std::string> decode(std::string_view text) {
  std::string before(text);
  for (int i = 0; i < kMostDecodings; ++i) {
    std::string after = decode_once(before);
    if (after == before) return after;
    before = std::move(after);
  }
  return std::nullopt;
}

bool is_absolute(std::string_view path) {
  const bool has_drive = path.size() > 2 && std::isalpha(static_cast<unsigned char>(path[0])) != 0 && path[1] == ':';
  return path.starts_with('/') || (has_drive && path[2] == '/') || path.starts_with("file:");
}

bool is_forbidden(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f || c == '\\' || c == '#';
}

// Some servers cut a part at its semicolon, so "..;x" may climb, too.
bool climbs(std::string_view part) { return part.substr(0, part.find(';')) == ".."; }

std::unexpected<Error> invalid() { return invalid_argument("Invalid path"); }

}  // namespace

Result<std::string> safe_path(std::string_view path) {
  const auto decoded = decode(path);
  if (!decoded || is_absolute(*decoded) || std::ranges::any_of(*decoded, is_forbidden) || !net::is_utf8(*decoded)) {
    return invalid();
  }
  std::string safe;
  for (std::size_t begin = 0; begin < decoded->size();) {
    const std::size_t end = std::min(decoded->find('/', begin), decoded->size());
    const auto part = std::string_view(*decoded).substr(begin, end - begin);
    begin = end + 1;
    if (climbs(part)) return invalid();
    if (part.empty() || part == ".") continue;
    if (!safe.empty()) safe += '/';
    safe += part;
  }
  return safe;
}

Result<std::string> safe_file_path(std::string_view path) {
  std::string safe = TRY(safe_path(path));
  if (safe.empty()) return invalid();
  return safe;
}

}  // namespace millrace::api::mlflow
