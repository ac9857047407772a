#include "search/page_token.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/json.h"

namespace millrace::search {

std::string page_token(const Position& position) {
  Json json = {{"offset", position.offset}};
  if (position.part) json["part"] = *position.part;
  return base64_encode(dump_json(json));
}

Result<Position> parse_page_token(std::string_view token) {
  if (token.empty()) return Position{};
  const auto text = base64_decode(token);
  if (!text) return invalid_argument("Invalid page token, could not base64-decode");
  const auto json = parse_json(*text);
  if (!json || !json->is_object()) return invalid_argument("Invalid page token, decoded value={}", *text);
  const auto whole = [&](const char* name) -> std::optional<std::int64_t> {
    const auto found = json->find(name);
    if (found == json->end() || !found->is_number_integer()) return std::nullopt;
    const auto number = found->get<std::int64_t>();
    return number < 0 ? std::nullopt : std::optional(number);
  };
  const auto offset = whole("offset");
  const auto part = whole("part");
  if (!offset || (json->contains("part") && (!part || *part > 2))) {
    return invalid_argument("Invalid page token, parsed value={}", *text);
  }
  Position position{.offset = *offset};
  if (part) position.part = static_cast<int>(*part);
  return position;
}

}  // namespace millrace::search
