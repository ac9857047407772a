#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/packing.h"
#include "net/request.h"
#include "net/response.h"

namespace millrace::api {

// Why a body cannot be read, for a protocol to say in its own shape.
struct BodyFault {
  int status = 400;  // 400, 413, 415
  std::string message;
};

// The body as it was before its Content-Encoding (gzip, deflate); `room` holds it where it was packed. 415 for another
// coding, 413 for more than `most` bytes, or for what unpacks to a size that only a bomb has.
std::expected<std::string_view, BodyFault> unpacked_body(const net::Request& request, std::size_t most,
                                                         std::string& room);

// The coding that an Accept-Encoding field takes of those we have: gzip before deflate.
std::optional<Packing> accepted_packing(std::string_view field);

// That which the request's client takes.
std::optional<Packing> packing_of(const net::Request& request);

// Packs the answer where the client takes that and it pays: bodies of some size that become clearly smaller.
void pack_answer(std::optional<Packing> packing, net::Response& response);

// What a 415 says to be understood.
inline constexpr std::string_view kCodings = "gzip, deflate";

}  // namespace millrace::api
