#include "search/token.h"

#include <algorithm>
#include <array>

namespace millrace::search {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
// A byte of a character beyond ASCII is as good as a letter.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_word(char c) { return is_letter(c) || is_digit(c); }
// After the first dot a key may go on with these; nothing in the language is written with them but a number's sign.
bool is_key(char c) { return is_word(c) || c == '-' || c == '/' || c == ':'; }

constexpr std::array<std::string_view, 11> kSymbols = {"<>", "!=", "==", "<=", ">=", "=", "<", ">", "(", ")", ","};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    do {
      skip_space();
      tokens.push_back(next());
      tokens.back().written = text_.substr(start_, at_ - start_);
    } while (tokens.back().kind != Token::Kind::kEnd);
    return tokens;
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool done() const { return at_ >= text_.size(); }

  void skip_space() {
    while (!done() && is_space(peek())) ++at_;
    start_ = at_;
  }

  Token next() {
    if (done()) return {.kind = Token::Kind::kEnd};
    const char c = peek();
    if (is_letter(c) || c == '`') return name();
    if (is_digit(c) || c == '.' || c == '-' || c == '+') return number();
    if (c == '\'') return quoted(Token::Kind::kText);
    if (c == '"') return quoted(Token::Kind::kDoubleQuoted);
    return symbol();
  }

  Token broken() {
    at_ = text_.size();
    return {.kind = Token::Kind::kBroken};
  }

  Token symbol() {
    const auto found = std::ranges::find_if(kSymbols, [&](auto s) { return text_.substr(at_).starts_with(s); });
    if (found == kSymbols.end()) return broken();
    at_ += found->size();
    return {.kind = Token::Kind::kSymbol};
  }

  // What is between this quote and its twin; a doubled quote stands for one.
  std::optional<std::string> between_quotes() {
    const char quote = text_[at_++];
    std::string inner;
    while (!done()) {
      const char c = text_[at_++];
      if (c != quote) {
        inner += c;
      } else if (peek() == quote) {
        inner += text_[at_++];
      } else {
        return inner;
      }
    }
    return std::nullopt;
  }

  Token quoted(Token::Kind kind) {
    auto inner = between_quotes();
    if (!inner) return broken();
    return {.kind = kind, .text = std::move(*inner)};
  }

  std::optional<std::string> part(bool (*belongs)(char)) {
    if (peek() == '`' || peek() == '"' || peek() == '\'') return between_quotes();
    const std::size_t begin = at_;
    while (!done() && belongs(peek())) ++at_;
    if (at_ == begin) return std::nullopt;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Token name() {
    Token token{.kind = peek() == '`' ? Token::Kind::kName : Token::Kind::kWord};
    bool (*belongs)(char) = is_word;
    while (true) {
      auto found = part(belongs);
      if (!found) return broken();
      token.parts.push_back(std::move(*found));
      if (peek() != '.') break;
      ++at_;
      belongs = is_key;
      token.kind = Token::Kind::kName;
    }
    // "param`.A" and the like: quotes only stand around a whole part.
    return !done() && (is_word(peek()) || peek() == '`') ? broken() : token;
  }

  std::size_t digits() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return at_ - begin;
  }

  Token number() {
    if (peek() == '-' || peek() == '+') ++at_;
    std::size_t count = digits();
    if (peek() == '.') {
      ++at_;
      count += digits();
    }
    if (count == 0) return broken();
    if (peek() == 'e' || peek() == 'E') {
      const std::size_t sign = peek(1) == '-' || peek(1) == '+' ? 1 : 0;
      if (!is_digit(peek(1 + sign))) return broken();
      at_ += 1 + sign;
      digits();
    }
    // "7d" and "1.2.3" are no numbers.
    return is_word(peek()) || peek() == '.' ? broken() : Token{.kind = Token::Kind::kNumber};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
};

}  // namespace

bool Token::is_keyword(std::string_view keyword) const {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  return kind == Kind::kWord && std::ranges::equal(written, keyword, {}, upper);
}

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

}  // namespace millrace::search
