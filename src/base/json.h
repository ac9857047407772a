#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// A JSON document. Objects keep the order in which their members were added. Faces see only this forward declaration;
// a .cc file that builds or reads one includes <nlohmann/json.hpp>.
using Json = nlohmann::ordered_json;

// Refuses more than 64 levels of nesting and text that is not UTF-8.
Result<Json> parse_json(std::string_view text);

// Compact; text that is not UTF-8 is replaced, never thrown on; NaN and infinities become null.
std::string dump_json(const Json& json);
std::string dump_json_pretty(const Json& json);

}  // namespace millrace
