#pragma once

#include <string>
#include <string_view>

namespace millrace::delivery {

// The lines that change `before` into `after`, with "-" or "+" in front and up to two lines of context (" "); "" where
// they are equal. A longest common subsequence decides which lines stay.
std::string line_diff(std::string_view before, std::string_view after);

}  // namespace millrace::delivery
