#pragma once

#include <string_view>
#include <vector>

namespace millrace::db {

enum class TokenKind {
  kWord,       // a name, a keyword or a number
  kParameter,  // ? or ?12
  kQuoted,     // a string or a quoted name
  kSpace,      // blanks and comments
  kSymbol,     // any other character
};

struct Token {
  TokenKind kind;
  std::string_view text;
};

// The parts of SQL text, in order; together they are the text. What is not closed reaches to the end.
std::vector<Token> sql_tokens(std::string_view sql);

}  // namespace millrace::db
