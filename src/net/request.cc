#include "net/request.h"

#include "net/text.h"

namespace millrace::net {
namespace {

// Takes the text up to the next `separator` off the front of `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto piece = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return piece;
}

// The query was checked when the request came, so decoding cannot fail here.
std::string decoded(std::string_view text) {
  std::string out;
  decode_percent(text, true, out);
  return out;
}

}  // namespace

std::string_view PathParams::find(std::string_view name) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (values_[i].first == name) return values_[i].second;
  }
  return {};
}

std::optional<std::string> Request::query(std::string_view name) const {
  auto rest = query_string;
  while (!rest.empty()) {
    auto value = take_until(rest, '&');
    const auto key = take_until(value, '=');
    if (key == name || decoded(key) == name) return decoded(value);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> Request::query_parameters() const {
  std::vector<std::pair<std::string, std::string>> out;
  auto rest = query_string;
  while (!rest.empty()) {
    auto value = take_until(rest, '&');
    if (value.empty()) continue;
    auto key = decoded(take_until(value, '='));
    out.emplace_back(std::move(key), decoded(value));
  }
  return out;
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& field : headers) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

}  // namespace millrace::net
