#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::search {

// Where a page begins: after so many rows; of a search that walks its order, of one of its parts.
struct Position {
  std::int64_t offset = 0;
  std::optional<int> part;

  bool operator==(const Position&) const = default;
};

// Base64 of {"offset": N}, as MLflow's servers have it, with a "part" where there is one. "" is the beginning.
std::string page_token(const Position& position);
// kInvalidArgument, in MLflow's words, for what is not such a token.
Result<Position> parse_page_token(std::string_view token);

}  // namespace millrace::search
