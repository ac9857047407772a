#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::search {

// A dotted name is one token, so that a key may be any word: "tags.order", "metrics.val-loss", "params.`a b`".
struct Token {
  enum class Kind { kWord, kName, kNumber, kText, kDoubleQuoted, kSymbol, kBroken, kEnd };

  Kind kind = Kind::kEnd;
  std::string_view written;        // as it stands in the text; `parts` of a name are without their quotes
  std::vector<std::string> parts;  // of kWord and kName: what the dots separate
  std::string text;                // of kText and kDoubleQuoted: what is between the quotes

  bool is_symbol(std::string_view symbol) const { return kind == Kind::kSymbol && written == symbol; }
  // Whether it is this keyword, in any case; `keyword` is upper case.
  bool is_keyword(std::string_view keyword) const;
};

// kWord is a bare word without a dot; kName has a dot or quotes. What is not a token is one kBroken to the end of the
// text, and kEnd is last.
std::vector<Token> tokenize(std::string_view text);

}  // namespace millrace::search
