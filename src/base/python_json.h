#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// JSON as Python writes and reads it, which has NaN, Infinity and -Infinity among its numbers.

// The same text with null, "Infinity" and "-Infinity" (which are strings then) in their places; nullopt where there is
// none of them.
std::optional<std::string> without_bare_numbers(std::string_view json);

// As Python's repr does it: 1.0, 0.1, 1e-05, NaN, Infinity.
void append_python_number(std::string& out, double value);
// As Python's json.dumps does it, ASCII only; what is not UTF-8 is replaced.
void append_python_string(std::string& out, std::string_view text);

}  // namespace millrace
