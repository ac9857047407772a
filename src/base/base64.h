#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// RFC 4648, section 4: the standard alphabet, with padding.
std::string base64_encode(std::string_view bytes);

// Nothing for what is not base64; padding may be missing.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace millrace
