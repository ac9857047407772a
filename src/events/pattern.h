#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::events {

// Which types of events: one ("model_version.registered"), those that begin alike ("model_version.*"), or all ("" or
// "*").
class TypePattern {
 public:
  explicit TypePattern(std::string_view pattern)
      : prefix_(pattern.empty() || pattern.ends_with('*')),
        text_(pattern.ends_with('*') ? pattern.substr(0, pattern.size() - 1) : pattern) {}

  bool is_prefix() const { return prefix_; }
  std::string_view text() const { return text_; }
  bool matches(std::string_view type) const { return prefix_ ? type.starts_with(text_) : type == text_; }

 private:
  bool prefix_;
  std::string_view text_;
};

// Whether a consumer of `patterns` wants a type; no pattern at all wants every type.
inline bool wants(const std::vector<std::string>& patterns, std::string_view type) {
  return patterns.empty() ||
         std::ranges::any_of(patterns, [&](const auto& pattern) { return TypePattern(pattern).matches(type); });
}

}  // namespace millrace::events
