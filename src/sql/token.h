#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "sql/sql.h"

namespace millrace::sql {

struct Token {
  enum class Kind { kWord, kQuotedWord, kString, kInteger, kDecimal, kSymbol, kEnd };

  Kind kind = Kind::kEnd;
  std::size_t offset = 0;
  std::string text;  // of a word as written, of a string without its quotes, of a symbol
  std::int64_t integer = 0;
  double number = 0;

  bool is_symbol(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
  // Whether it is this word, unquoted, in any case; `word` is lower case.
  bool is_word(std::string_view word) const;
};

// ASCII letters folded.
std::string to_lower(std::string_view text);

// The tokens of an expression, kEnd last.
std::expected<std::vector<Token>, CompileError> tokenize(std::string_view text);

}  // namespace millrace::sql
