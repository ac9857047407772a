#include "db/sql_text.h"

#include <algorithm>

namespace millrace::db {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

template <typename Test>
std::size_t run_of(std::string_view text, std::size_t from, Test test) {
  return static_cast<std::size_t>(std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), test) -
                                  text.begin());
}

// One past `end`, searched for from `from`.
std::size_t past(std::string_view text, std::string_view end, std::size_t from) {
  const std::size_t at = text.find(end, from);
  return at == std::string_view::npos ? text.size() : at + end.size();
}

// A doubled quote is a quote within: it reads as two quoted parts side by side, which is as good.
Token first_token(std::string_view sql) {
  const auto token = [&](TokenKind kind, std::size_t size) { return Token{kind, sql.substr(0, size)}; };
  const char c = sql.front();
  if (is_word(c)) return token(TokenKind::kWord, run_of(sql, 0, is_word));
  if (is_blank(c)) return token(TokenKind::kSpace, run_of(sql, 0, is_blank));
  if (c == '?') return token(TokenKind::kParameter, run_of(sql, 1, is_digit));
  if (c == '\'' || c == '"') return token(TokenKind::kQuoted, past(sql, sql.substr(0, 1), 1));
  if (sql.starts_with("--")) return token(TokenKind::kSpace, past(sql, "\n", 2));
  if (sql.starts_with("/*")) return token(TokenKind::kSpace, past(sql, "*/", 2));
  return token(TokenKind::kSymbol, 1);
}

}  // namespace

std::vector<Token> sql_tokens(std::string_view sql) {
  std::vector<Token> tokens;
  while (!sql.empty()) {
    tokens.push_back(first_token(sql));
    sql.remove_prefix(tokens.back().text.size());
  }
  return tokens;
}

}  // namespace millrace::db
