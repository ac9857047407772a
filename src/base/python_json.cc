#include "base/python_json.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace {

namespace {

struct Bare {
  std::string_view token, instead;
};
constexpr Bare kBare[] = {{"NaN", "null"}, {"-Infinity", "\"-Infinity\""}, {"Infinity", "\"Infinity\""}};

const Bare* bare_at(std::string_view text) {
  for (const Bare& bare : kBare) {
    if (text.starts_with(bare.token)) return &bare;
  }
  return nullptr;
}

// Behind the string that begins here.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

}  // namespace

std::optional<std::string> without_bare_numbers(std::string_view json) {
  std::string out;
  std::size_t kept = 0;  // what stands before it is in `out`
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at = end_of_string(json, at);
      continue;
    }
    const bool may_begin = json[at] == 'N' || json[at] == 'I' || json[at] == '-';
    const Bare* bare = may_begin ? bare_at(json.substr(at)) : nullptr;
    if (bare == nullptr) {
      ++at;
      continue;
    }
    out.append(json.substr(kept, at - kept)).append(bare->instead);
    kept = at += bare->token.size();
  }
  if (kept == 0) return std::nullopt;
  return out.append(json.substr(kept));
}

void append_python_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  const std::size_t begin = out.size();
  fmt::format_to(std::back_inserter(out), "{}", value);
  if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
}

void append_python_string(std::string& out, std::string_view text) {
  out += Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace millrace
