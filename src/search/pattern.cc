#include "search/pattern.h"

#include <re2/re2.h>

#include <string>
#include <utility>

namespace millrace::search {

namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

// The regular expression of a LIKE pattern; a run of "%" is one, or the machine would grow with it.
std::string regex_of(std::string_view like) {
  std::string regex = "^(?:";
  std::string literal;
  const auto flush = [&] { regex += re2::RE2::QuoteMeta(std::exchange(literal, {})); };
  bool after_any = false;
  for (const char c : like) {
    if (c != '%' && c != '_') {
      literal += c;
    } else {
      flush();
      if (c == '_') regex += '.';
      if (c == '%' && !after_any) regex += ".*";
    }
    after_any = c == '%';
  }
  flush();
  return regex + ")$";
}

}  // namespace

Result<Pattern> Pattern::compile(std::string_view text, Kind kind) {
  if (text.size() > kMaxPatternBytes) {
    return invalid_argument("a pattern may have at most {} bytes, this one has {}", kMaxPatternBytes, text.size());
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_case_sensitive(kind != Kind::kIlike);
  const std::string regex = kind == Kind::kRlike ? std::string(text) : regex_of(text);
  auto compiled = std::make_shared<const re2::RE2>(piece(regex), options);
  if (!compiled->ok()) return invalid_argument("\"{}\" is not a pattern: {}", text, compiled->error());
  return Pattern(std::move(compiled));
}

bool Pattern::matches(std::string_view text) const { return re2::RE2::PartialMatch(piece(text), *regex_); }

}  // namespace millrace::search
