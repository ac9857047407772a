#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// `; did you mean "origin"?` for the candidate nearest to `name` by edit distance, or "" where none is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace millrace
