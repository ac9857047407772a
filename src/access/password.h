#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::access {

// A password as it is kept: Argon2id (RFC 9106) in its own text form, which bears its parameters. About 50 ms and
// 19 MiB.
Result<std::string> hash_password(std::string_view password);
// As costly. What is not such a text is no password's hash.
bool verify_password(std::string_view password, const std::string& hash);
// As costly as verify_password, so that a name that is not known is not told apart by the time it takes.
void waste_a_verification(std::string_view password);

// kInvalidArgument for one that is too short to keep anybody out, or too long to hash.
Result<void> check_password(std::string_view password);

}  // namespace millrace::access
