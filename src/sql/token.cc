#include "sql/token.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace::sql {
namespace {

constexpr std::size_t kMaxText = 16 * 1024;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_word_part(char c) { return is_word_start(c) || is_digit(c) || c == '$'; }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::expected<std::vector<Token>, CompileError> run() {
    if (text_.size() > kMaxText) return fail_at(kMaxText, "expression is longer than 16 KiB");
    std::vector<Token> tokens;
    while (true) {
      skip_space();
      if (at_ == text_.size()) break;
      tokens.push_back(TRY(next()));
    }
    tokens.push_back({Token::Kind::kEnd, text_.size(), {}, 0, 0});
    return tokens;
  }

 private:
  using TokenResult = std::expected<Token, CompileError>;

  static std::unexpected<CompileError> fail_at(std::size_t offset, std::string message) {
    return std::unexpected(CompileError{offset, std::move(message)});
  }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n\f\v").contains(text_[at_])) ++at_;
  }

  TokenResult next() {
    const char c = peek();
    if (is_word_start(c)) return word();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '\'') return quoted('\'', Token::Kind::kString, "string");
    if (c == '"') return quoted('"', Token::Kind::kQuotedWord, "quoted name");
    return symbol();
  }

  TokenResult word() {
    const std::size_t start = at_;
    while (is_word_part(peek())) ++at_;
    return Token{Token::Kind::kWord, start, std::string(text_.substr(start, at_ - start)), 0, 0};
  }

  TokenResult quoted(char quote, Token::Kind kind, std::string_view what) {
    Token token{kind, at_++, {}, 0, 0};
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != quote) {
        token.text += c;
      } else if (peek() == quote) {
        token.text += quote, ++at_;
      } else {
        return token;
      }
    }
    return fail_at(token.offset, fmt::format("this {} has no end", what));
  }

  TokenResult number() {
    const std::size_t start = at_;
    std::string digits;
    bool whole = true;
    const auto take_digits = [&] {
      while (is_digit(peek()) || (peek() == '_' && is_digit(peek(1)))) {
        if (peek() != '_') digits += peek();
        ++at_;
      }
    };
    take_digits();
    if (peek() == '.') whole = false, digits += '.', ++at_, take_digits();
    if (const char sign = peek(1);
        (peek() == 'e' || peek() == 'E') && (is_digit(sign) || ((sign == '+' || sign == '-') && is_digit(peek(2))))) {
      whole = false, digits += 'e', ++at_;
      if (!is_digit(peek())) digits += peek(), ++at_;
      take_digits();
    }
    if (is_word_part(peek())) return fail_at(start, "a name cannot begin with a digit");
    return parse_number(start, digits, whole);
  }

  static TokenResult parse_number(std::size_t start, const std::string& digits, bool whole) {
    Token token{whole ? Token::Kind::kInteger : Token::Kind::kDecimal, start, digits, 0, 0};
    const char* end = digits.data() + digits.size();
    const auto parsed =
        whole ? std::from_chars(digits.data(), end, token.integer) : std::from_chars(digits.data(), end, token.number);
    if (parsed.ec != std::errc{}) return fail_at(start, fmt::format("number {} is out of range", digits));
    return token;
  }

  TokenResult symbol() {
    static constexpr std::array<std::string_view, 8> kPairs = {"||", "::", "//", "**", "<=", ">=", "<>", "!="};
    const std::string_view pair = text_.substr(at_, 2);
    if (pair == "--" || pair == "/*") return fail_at(at_, "comments cannot stand in an expression");
    if (pair == "==") return make_symbol("=", 2);
    if (std::ranges::find(kPairs, pair) != kPairs.end()) return make_symbol(pair == "!=" ? "<>" : pair, 2);
    if (std::string_view("+-*/%^()<>=,").contains(peek())) return make_symbol(text_.substr(at_, 1), 1);
    return fail_at(at_, fmt::format("unexpected character \"{}\"", peek()));
  }
  TokenResult make_symbol(std::string_view symbol, std::size_t length) {
    Token token{Token::Kind::kSymbol, at_, std::string(symbol), 0, 0};
    at_ += length;
    return token;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return lower;
}

bool Token::is_word(std::string_view word) const {
  return kind == Kind::kWord && text.size() == word.size() && to_lower(text) == word;
}

std::expected<std::vector<Token>, CompileError> tokenize(std::string_view text) { return Tokenizer(text).run(); }

}  // namespace millrace::sql
