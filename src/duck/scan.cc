#include "duck/scan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace millrace::duck {
namespace {

constexpr std::array<std::string_view, 9> kQueryWords{"select", "from",     "with", "values",   "table",
                                                      "pivot",  "describe", "show", "summarize"};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string lower_word(std::string_view text) {
  std::string word(text.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(text, is_word) - text.begin())));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  return word;
}

bool begins_query(std::string_view word) { return std::ranges::find(kQueryWords, word) != kQueryWords.end(); }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<SqlError> run() {
    while (at_ < text_.size() && !error_) step();
    if (!error_ && depth_ > 0) error_ = SqlError{"a closing parenthesis is missing", text_.size()};
    if (!error_ && !any_) error_ = SqlError{"the expression is empty", 0};
    return error_;
  }

 private:
  void step() {
    const char c = text_[at_];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at_;
    } else if (text_.substr(at_).starts_with("--")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (text_.substr(at_).starts_with("/*")) {
      skip_past("*/", at_ + 2, "a comment is not closed");
    } else {
      token(c);
    }
  }

  void token(char c) {
    any_ = true;
    const bool opened = std::exchange(opened_, false);
    if (c == '\'' || c == '"') return skip_past(std::string_view(&text_[at_], 1), at_ + 1, "a quote is not closed");
    if (c == '$') return dollar();
    if (c == '?') return refuse("a parameter is not allowed in an expression");
    if (c == ';') return refuse("a semicolon is not allowed in an expression");
    if (is_word(c)) return word(opened);
    if (c == '(') {
      ++depth_;
      opened_ = true;
    } else if (c == ')' && --depth_ < 0) {
      return refuse("a closing parenthesis has no opening one");
    }
    ++at_;
  }

  void word(bool opened) {
    const std::string word = lower_word(text_.substr(at_));
    if (opened && begins_query(word)) return refuse("a subquery is not allowed in an expression");
    at_ += word.size();
  }

  // $tag$ ... $tag$
  void dollar() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_word(text_[end])) ++end;
    if (end >= text_.size() || text_[end] != '$') return refuse("a parameter is not allowed in an expression");
    const std::string_view tag = text_.substr(at_, end - at_ + 1);
    skip_past(tag, end + 1, "a quote is not closed");
  }

  void skip_past(std::string_view end, std::size_t from, const char* message) {
    const std::size_t found = text_.find(end, from);
    if (found == std::string_view::npos) return refuse(message);
    at_ = found + end.size();
  }

  void refuse(const char* message) { error_ = SqlError{message, at_}; }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool opened_ = false;  // the token before is an opening parenthesis
  bool any_ = false;
  std::optional<SqlError> error_;
};

}  // namespace

std::optional<SqlError> check_scalar(std::string_view expression) { return Scanner(expression).run(); }

bool starts_query(std::string_view sql) {
  while (!sql.empty()) {
    if (std::isspace(static_cast<unsigned char>(sql[0])) != 0 || sql[0] == '(') {
      sql.remove_prefix(1);
    } else if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      sql.remove_prefix(std::min(sql.find("*/") + 2, sql.size()));
    } else {
      break;
    }
  }
  return begins_query(lower_word(sql));
}

}  // namespace millrace::duck
