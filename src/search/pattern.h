#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace millrace::search {

inline constexpr std::size_t kMaxPatternBytes = 4096;

// What LIKE, ILIKE and RLIKE match with, in time linear in the text whatever the pattern. Thread-safe.
class Pattern {
 public:
  enum class Kind {
    kLike,   // "%" is any text, "_" any character, the rest itself; the whole text must match
    kIlike,  // the same, whatever the case
    kRlike,  // RE2's syntax; somewhere in the text
  };
  // kInvalidArgument for what is too long or not a regular expression.
  static Result<Pattern> compile(std::string_view text, Kind kind);

  bool matches(std::string_view text) const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> regex) : regex_(std::move(regex)) {}
  std::shared_ptr<const re2::RE2> regex_;
};

}  // namespace millrace::search
