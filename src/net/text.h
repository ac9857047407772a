#pragma once

#include <string>
#include <string_view>

namespace millrace::net {

// Appends `text` to `out` with %XX decoded; false, and `out` in any state, where an escape is malformed or gives NUL.
bool decode_percent(std::string_view text, bool plus_is_space, std::string& out);

bool is_utf8(std::string_view text);

// Makes it empty and gives its memory back, which an assignment of an empty text does not.
inline void free_memory(std::string& text) { std::string().swap(text); }

}  // namespace millrace::net
