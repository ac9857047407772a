#include "base/json_writer.h"

#include <fmt/compile.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace {

namespace {

bool needs_care(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\';
}

}  // namespace

void append_number(std::string& text, double number) {
  std::array<char, 32> digits;
  const char* end = fmt::format_to(digits.data(), FMT_COMPILE("{}"), number);
  const std::string_view written(digits.data(), end);
  text += written;
  if (written.find_first_of(".e") == std::string_view::npos) text += ".0";
}

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

void JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
}

void JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
}

// Plain ASCII, which nearly all is, is copied; the document's library knows the rest.
void JsonWriter::quote(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain = plain && !needs_care(c);
  if (!plain) {
    text_ += dump_json(Json(text));
    return;
  }
  text_ += '"';
  text_ += text;
  text_ += '"';
}

void JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ':';
  first_ = true;
}

void JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
}

void JsonWriter::integer(std::int64_t number) {
  separate();
  const fmt::format_int digits(number);
  text_.append(digits.data(), digits.size());
}

void JsonWriter::value(double number) {
  if (std::isnan(number)) return raw("\"NaN\"");
  if (std::isinf(number)) return raw(number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  separate();
  append_number(text_, number);
}

}  // namespace millrace
