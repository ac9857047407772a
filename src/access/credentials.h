#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::access {

// What a request says of who sends it.
struct Credentials {
  enum class Kind { kNone, kBasic, kBearer, kMalformed };

  Kind kind = Kind::kNone;
  std::string user;    // of kBasic
  std::string secret;  // a password, or a bearer's token
};

// Of the value of an Authorization header (RFC 7617, RFC 6750); "" is none.
Credentials read_credentials(std::string_view authorization);

}  // namespace millrace::access
