#include "base/json_writer.h"

#include <fmt/compile.h>

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace {

namespace {

bool needs_care(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\';
}

}  // namespace

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
  fmt::format_to(std::back_inserter(text_), FMT_COMPILE("{}"), number);
}

// The shortest text that reads back as the same number, and as one with a fraction.
void JsonWriter::value(double number) {
  if (std::isnan(number)) return raw("\"NaN\"");
  if (std::isinf(number)) return raw(number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  separate();
  const std::size_t begin = text_.size();
  fmt::format_to(std::back_inserter(text_), FMT_COMPILE("{}"), number);
  if (text_.find_first_of(".e", begin) == std::string::npos) text_ += ".0";
}

}  // namespace millrace
