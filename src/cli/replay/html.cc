#include "cli/replay/html.h"

namespace millrace::cli {
namespace {

std::string_view entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto replacement = entity(c);
    if (replacement.empty())
      out += c;
    else
      out += replacement;
  }
  return out;
}

std::string fill_template(std::string_view text, const std::map<std::string, std::string, std::less<>>& values) {
  std::string out;
  for (std::size_t at = 0;;) {
    auto open = text.find("{{", at);
    auto close = open == text.npos ? text.npos : text.find("}}", open);
    if (close == text.npos) return out += text.substr(at);
    out += text.substr(at, open - at);
    if (auto found = values.find(text.substr(open + 2, close - open - 2)); found != values.end()) out += found->second;
    at = close + 2;
  }
}

}  // namespace millrace::cli
