#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// RFC 4648, section 4: the standard alphabet, with padding.
std::string base64_encode(std::string_view bytes);

// Nothing for what is not base64; padding may be missing.
std::optional<std::string> base64_decode(std::string_view text);

// Section 5: the alphabet for URLs and file names, without padding.
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace millrace
