#include <nlohmann/json.hpp>

#include "base/json.h"
#include "duck/handles.h"

namespace millrace::duck {
namespace {

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

std::string member(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

ErrorText plain(std::string_view text) {
  ErrorText error{.message = first_line(text)};
  if (const auto colon = error.message.find(" Error: "); colon != std::string::npos && colon < 40) {
    error.kind = error.message.substr(0, colon);
    error.message.erase(0, colon + 8);
  }
  return error;
}

Code code_of(const ErrorText& error) {
  const std::string_view message = error.message;
  if (error.kind == "Out of Memory" || message.contains("No space left on device")) return Code::kResourceExhausted;
  if (error.kind == "INTERRUPT" || error.kind == "Interrupt") return Code::kCancelled;
  if (error.kind == "INTERNAL" || error.kind == "FATAL" || error.kind == "Internal") return Code::kInternal;
  if (error.kind == "IO" && message.starts_with("No files found")) return Code::kNotFound;
  if (error.kind == "Permission") return Code::kPermissionDenied;
  return Code::kInvalidArgument;
}

}  // namespace

std::string plain_sentence(std::string message) {
  if (message.size() > 1 && message[0] >= 'A' && message[0] <= 'Z' && message[1] >= 'a' && message[1] <= 'z') {
    message[0] = static_cast<char>(message[0] - 'A' + 'a');
  }
  while (!message.empty() && (message.back() == '.' || message.back() == '!' || message.back() == ' '))
    message.pop_back();
  return message;
}

ErrorText read_error(const char* text) {
  const std::string_view all = text == nullptr ? "unknown error" : text;
  const auto brace = all.find('{');
  if (brace == std::string_view::npos) return plain(all);
  const Result<Json> json = parse_json(all.substr(brace, all.rfind('}') - brace + 1));
  if (!json || !json->is_object() || !json->contains("exception_message")) return plain(all);
  ErrorText error{.kind = member(*json, "exception_type"), .message = member(*json, "exception_message")};
  error.candidates = member(*json, "candidates");
  if (const std::string position = member(*json, "position"); !position.empty()) error.position = std::stoull(position);
  // Where values did not fit, what follows in the next lines says how to set DuckDB up: of no use here.
  error.message = first_line(error.message);
  return error;
}

Error to_error(const char* text) {
  ErrorText error = read_error(text);
  const Code code = code_of(error);
  return {code, plain_sentence(std::move(error.message))};
}

}  // namespace millrace::duck
