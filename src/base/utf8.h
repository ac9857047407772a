#pragma once

#include <cstddef>
#include <string_view>

namespace millrace {

// The first so many characters of UTF-8 text.
inline std::string_view cut(std::string_view text, std::size_t characters) {
  if (text.size() <= characters) return text;
  std::size_t size = 0;
  for (std::size_t seen = 0; size < text.size(); ++size) {
    const bool continues = (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80;
    if (!continues && ++seen > characters) break;
  }
  return text.substr(0, size);
}

}  // namespace millrace
