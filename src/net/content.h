#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/request.h"
#include "net/response.h"
#include "net/stream.h"

namespace millrace::net {

// Some bytes of a whole.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

enum class RangeKind { kWhole, kPart, kUnsatisfiable };

// What a Range field asks of `size` bytes (RFC 9110, section 14): one range of bytes is understood; several, or what is
// malformed, are taken as the whole.
struct RangeAnswer {
  RangeKind kind = RangeKind::kWhole;
  ByteRange range;
};
RangeAnswer parse_range(std::string_view field, std::uint64_t size);

// Whether an If-None-Match or If-Range field names the entity tag (both with their quotes).
bool names_etag(std::string_view field, std::string_view etag);

// Something that is answered with GET and HEAD.
struct Content {
  std::uint64_t size = 0;
  std::string etag;  // with its quotes; or empty
  std::string content_type = "application/octet-stream";
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Bytes from an offset on.
  std::function<Result<std::shared_ptr<BodySource>>(ByteRange)> open;
};

// 200, 206, 304 or 416, as Range, If-Range and If-None-Match ask. Small bodies are read at once.
Result<Response> serve_content(const Request& request, Content content);

}  // namespace millrace::net
