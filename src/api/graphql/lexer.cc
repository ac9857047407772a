#include "api/graphql/lexer.h"

#include <cctype>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::api::graphql {

namespace {

constexpr std::string_view kBlock = "\"\"\"";

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_number(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("+-.").contains(c);
}
bool is_ignored(char c) { return std::string_view(" \t\r\n,").contains(c); }

template <typename Is>
std::string_view run_of(std::string_view text, Is is) {
  std::size_t end = 0;
  while (end < text.size() && is(text[end])) ++end;
  return text.substr(0, end);
}

// A text in quotes at the beginning, with them.
Result<std::string_view> quoted(std::string_view text) {
  if (text.starts_with(kBlock)) {
    const auto end = text.find(kBlock, kBlock.size());
    if (end != std::string_view::npos) return text.substr(0, end + kBlock.size());
  } else {
    for (std::size_t i = 1; i < text.size() && text[i] != '\n'; ++i) {
      if (text[i] == '"') return text.substr(0, i + 1);
      if (text[i] == '\\') ++i;
    }
  }
  return invalid_argument("Syntax Error: Unterminated string.");
}

// Escapes are those of JSON.
Result<std::string> unquoted(std::string_view text) {
  if (text.starts_with(kBlock)) return std::string(text.substr(3, text.size() - 6));
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_string()) return invalid_argument("Syntax Error: Invalid character in a string.");
  return parsed->get<std::string>();
}

Result<Token> next(std::string_view& text) {
  std::string_view written;
  Token token;
  const char first = text.front();
  if (text.starts_with("...")) {
    written = text.substr(0, 3);
    token = {Token::Kind::kSymbol, std::string(written)};
  } else if (first == '"') {
    written = TRY(quoted(text));
    token = {Token::Kind::kText, TRY(unquoted(written))};
  } else if (std::isdigit(static_cast<unsigned char>(first)) != 0 || first == '-') {
    written = run_of(text, is_number);
    token = {Token::Kind::kNumber, std::string(written)};
  } else if (is_name(first)) {
    written = run_of(text, is_name);
    token = {Token::Kind::kName, std::string(written)};
  } else if (std::string_view("!$&():=@[]{|}").contains(first)) {
    written = text.substr(0, 1);
    token = {Token::Kind::kSymbol, std::string(written)};
  } else {
    return invalid_argument("Syntax Error: Unexpected character: U+{:04X}.", static_cast<unsigned char>(first));
  }
  text.remove_prefix(written.size());
  return token;
}

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  while (!text.empty()) {
    if (is_ignored(text.front())) {
      text.remove_prefix(1);
    } else if (text.front() == '#') {
      text.remove_prefix(run_of(text, [](char c) { return c != '\n'; }).size());
    } else {
      tokens.push_back(TRY(next(text)));
    }
  }
  tokens.push_back({});
  return tokens;
}

}  // namespace millrace::api::graphql
