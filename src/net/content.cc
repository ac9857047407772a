#include "net/content.h"

#include <fmt/format.h>

#include <charconv>

namespace millrace::net {
namespace {

constexpr std::uint64_t kReadAtOnce = 64 << 10;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

RangeAnswer part(std::uint64_t first, std::uint64_t last, std::uint64_t size) {
  if (first >= size) return {RangeKind::kUnsatisfiable, {}};
  return {RangeKind::kPart, {first, std::min(last, size - 1) - first + 1}};
}

Result<std::string> read_all(BodySource& source) {
  std::string body(source.size(), '\0');
  std::size_t filled = 0;
  while (filled < body.size()) {
    const auto got = TRY(source.read({body.data() + filled, body.size() - filled}));
    if (got == 0) return data_loss("content ended after {} of {} bytes", filled, body.size());
    filled += got;
  }
  return body;
}

bool wants_part(const Request& request, const Content& content) {
  if (request.header("Range").empty()) return false;
  const auto condition = request.header("If-Range");
  return condition.empty() || (!content.etag.empty() && condition == content.etag);
}

}  // namespace

RangeAnswer parse_range(std::string_view field, std::uint64_t size) {
  const auto equals = field.find('=');
  if (equals == std::string_view::npos || !equals_ignoring_case(trimmed(field.substr(0, equals)), "bytes")) return {};
  const auto spec = trimmed(field.substr(equals + 1));
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return {};
  const auto first = number(spec.substr(0, dash));
  const auto last = number(spec.substr(dash + 1));
  if (!first && dash == 0 && last) {
    if (*last == 0) return {RangeKind::kUnsatisfiable, {}};
    return part(size - std::min(size, *last), size - 1, size);
  }
  if (!first || (!last && dash + 1 != spec.size()) || (last && *last < *first)) return {};
  return part(*first, last.value_or(size), size);
}

bool names_etag(std::string_view field, std::string_view etag) {
  if (etag.empty()) return false;
  while (!field.empty()) {
    const auto comma = std::min(field.find(','), field.size());
    auto one = trimmed(field.substr(0, comma));
    field.remove_prefix(std::min(comma + 1, field.size()));
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag) return true;
  }
  return false;
}

Result<Response> serve_content(const Request& request, Content content) {
  Response response{.content_type = std::move(content.content_type), .headers = std::move(content.headers)};
  response.headers.emplace_back("Accept-Ranges", "bytes");
  if (!content.etag.empty()) response.headers.emplace_back("ETag", content.etag);
  if (names_etag(request.header("If-None-Match"), content.etag)) {
    response.status = 304;
    return response;
  }
  ByteRange range{0, content.size};
  if (wants_part(request, content)) {
    const auto asked = parse_range(request.header("Range"), content.size);
    if (asked.kind == RangeKind::kUnsatisfiable) {
      response.status = 416;
      response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", content.size));
      return response;
    }
    if (asked.kind == RangeKind::kPart) {
      range = asked.range;
      response.status = 206;
      response.headers.emplace_back(
          "Content-Range", fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.length - 1, content.size));
    }
  }
  auto source = TRY(content.open(range));
  if (range.length <= kReadAtOnce && request.method != "HEAD") {
    response.body = TRY(read_all(*source));
  } else {
    response.source = std::move(source);
  }
  return response;
}

}  // namespace millrace::net
