#pragma once

#include <map>
#include <string>
#include <string_view>

namespace millrace::cli {

// Text that may stand in HTML or SVG, and in an attribute between double quotes.
std::string escape_html(std::string_view text);

// The template with each {{name}} replaced by its value, as it is: values are HTML already. An unknown name becomes
// nothing; values are not searched for names.
std::string fill_template(std::string_view text, const std::map<std::string, std::string, std::less<>>& values);

}  // namespace millrace::cli
