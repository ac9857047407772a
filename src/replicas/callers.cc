#include "replicas/callers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"

namespace millrace::replicas {
namespace {

constexpr std::size_t kDigestDigits = 64;

Json to_json(const access::Caller& caller) {
  return {{"name", caller.name},
          {"token", caller.token},
          {"sha256", caller.digest},
          {"role", access::to_text(caller.role)},
          {"expires_us", caller.expires ? Json(caller.expires->us) : Json(nullptr)}};
}

bool is_digest(std::string_view text) {
  return text.size() == kDigestDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<access::Caller> caller_of(const Json& json) {
  const auto text = [&](const char* key) {
    const bool there = json.is_object() && json.contains(key) && json[key].is_string();
    return there ? json[key].get<std::string>() : std::string();
  };
  access::Caller caller{.name = text("name"), .token = text("token"), .digest = text("sha256")};
  const auto role = access::role_from(text("role"));
  const bool expires = json.is_object() && json.contains("expires_us") && json["expires_us"].is_number_integer();
  const bool stays = json.is_object() && json.contains("expires_us") && json["expires_us"].is_null();
  if (caller.name.empty() || !is_digest(caller.digest) || !role || (!expires && !stays))
    return invalid_argument("the list of callers is malformed");
  caller.role = *role;
  if (expires) caller.expires = Timestamp{json["expires_us"].get<std::int64_t>()};
  return caller;
}

}  // namespace

std::string to_text(const Callers& callers) {
  Json list = Json::array();
  for (const access::Caller& caller : callers.tokens) list.push_back(to_json(caller));
  return dump_json(Json{{"closed", callers.closed}, {"callers", std::move(list)}});
}

Result<Callers> parse_callers(std::string_view text) {
  const Json json = TRY(parse_json(text));
  const bool whole = json.is_object() && json.contains("closed") && json["closed"].is_boolean() &&
                     json.contains("callers") && json["callers"].is_array();
  if (!whole) return invalid_argument("the list of callers is malformed");
  Callers callers{.closed = json["closed"].get<bool>()};
  std::set<std::string> digests;
  for (const Json& each : json["callers"]) {
    callers.tokens.push_back(TRY(caller_of(each)));
    if (!digests.insert(callers.tokens.back().digest).second)
      return invalid_argument("the list of callers has a token twice");
  }
  return callers;
}

}  // namespace millrace::replicas
