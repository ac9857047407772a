#include "access/credentials.h"

#include <algorithm>
#include <cctype>

#include "base/base64.h"

namespace millrace::access {
namespace {

// What follows the scheme, whose name has no case; nothing for another one.
std::optional<std::string_view> after_scheme(std::string_view value, std::string_view scheme) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(value[i])) != scheme[i]) return std::nullopt;
  }
  value.remove_prefix(std::min(value.find_first_not_of(' ', scheme.size()), value.size()));
  return value;
}

Credentials malformed() { return {.kind = Credentials::Kind::kMalformed}; }

}  // namespace

Credentials read_credentials(std::string_view authorization) {
  if (authorization.empty()) return {};
  if (const auto token = after_scheme(authorization, "bearer")) {
    if (token->empty()) return malformed();
    return {.kind = Credentials::Kind::kBearer, .user = {}, .secret = std::string(*token)};
  }
  const auto pair = after_scheme(authorization, "basic");
  const auto decoded = pair ? base64_decode(*pair) : std::nullopt;
  const auto colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return malformed();
  return {.kind = Credentials::Kind::kBasic, .user = decoded->substr(0, colon), .secret = decoded->substr(colon + 1)};
}

}  // namespace millrace::access
