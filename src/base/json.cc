#include "base/json.h"

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

constexpr int kMaxDepth = 64;

}  // namespace

Result<Json> parse_json(std::string_view text) {
  bool deep = false;
  auto watch = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) deep = true;
    return !deep;
  };
  try {
    auto json = Json::parse(text, watch);
    if (deep) return invalid_argument("the JSON is nested deeper than {} levels", kMaxDepth);
    return json;
  } catch (const Json::parse_error& error) {
    return invalid_argument("the body is not valid JSON near byte {}", error.byte);
  } catch (const Json::out_of_range&) {
    return invalid_argument("the JSON has a number that no double holds");
  }
}

std::string dump_json(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string dump_json_pretty(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace millrace
