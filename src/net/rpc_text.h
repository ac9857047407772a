#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace millrace::net {

// The texts that gRPC puts into header fields (grpc/doc/PROTOCOL-HTTP2.md).

// "100m" (milliseconds; also n, u, S, M, H): at most eight digits and a unit. At most a year. Nothing for what is
// malformed.
std::optional<Duration> parse_grpc_timeout(std::string_view text);

// "application/grpc", "application/grpc+proto", also with parameters.
bool is_grpc_content(std::string_view content_type);

// A status' message: printable ASCII as it is, all else and "%" as %XX.
std::string encode_grpc_message(std::string_view text);

}  // namespace millrace::net
