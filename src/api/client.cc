#include "api/client.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace millrace::api {
namespace {

constexpr Duration kTimeout = std::chrono::minutes(5);

Code code_from(std::string_view name) {
  for (int code = 1; code <= 16; ++code)
    if (code_name(static_cast<Code>(code)) == name) return static_cast<Code>(code);
  return Code::kUnknown;
}

// {"error": {"code", "message"}}, or for a foreign answer its status.
Error error_from(const net::ClientResponse& response) {
  auto body = parse_json(response.body);
  if (body && body->contains("error") && (*body)["error"].is_object()) {
    const auto& error = (*body)["error"];
    return {code_from(error.value("code", "UNKNOWN")), error.value("message", response.body)};
  }
  if (body && body->contains("error") && (*body)["error"].is_string()) return {Code::kUnknown, (*body)["error"]};
  return {Code::kUnknown, fmt::format("the server answered status {}", response.status)};
}

}  // namespace

net::ClientOptions client_options_of_environment() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  return {.bearer = variable("MILLRACE_TOKEN"),
          .trust = {.ca_file = variable("MILLRACE_CA_FILE"), .fingerprint = variable("MILLRACE_SERVER_FINGERPRINT")}};
}

Result<ApiClient> ApiClient::open(std::string_view base_url, net::ClientOptions options) {
  return ApiClient(TRY(net::Client::open(base_url, std::move(options))));
}

Result<Json> ApiClient::send(const net::ClientRequest& request) {
  auto response = TRY(client_.send(request));
  if (response.status >= 300) return std::unexpected(error_from(response));
  return response.body.empty() ? Json(nullptr) : parse_json(response.body);
}

Result<Json> ApiClient::get(std::string_view target) {
  return send({.method = "GET", .target = target, .timeout = kTimeout});
}

Result<std::string> ApiClient::get_text(std::string_view target) {
  auto response = TRY(client_.send({.method = "GET", .target = target, .timeout = kTimeout}));
  if (response.status >= 300) return std::unexpected(error_from(response));
  return std::move(response.body);
}

Result<Json> ApiClient::post(std::string_view target, const Json& body) {
  auto text = dump_json(body);
  return send({.method = "POST", .target = target, .body = text, .timeout = kTimeout});
}

Result<Json> ApiClient::put(std::string_view target, const Json& body) {
  auto text = dump_json(body);
  return send({.method = "PUT", .target = target, .body = text, .timeout = kTimeout});
}

Result<Json> ApiClient::patch(std::string_view target, const Json& body) {
  auto text = dump_json(body);
  return send({.method = "PATCH", .target = target, .body = text, .timeout = kTimeout});
}

Result<Json> ApiClient::remove(std::string_view target) {
  return send({.method = "DELETE", .target = target, .timeout = kTimeout});
}

Result<Json> ApiClient::post_bytes(std::string_view target, std::string_view body, std::string_view content_type) {
  return send({.method = "POST", .target = target, .body = body, .content_type = content_type, .timeout = kTimeout});
}

Result<Json> ApiClient::list(std::string target) {
  auto items = Json::array();
  auto separator = target.find('?') == std::string::npos ? '?' : '&';
  std::string after;
  do {
    auto page = TRY(get(fmt::format("{}{}limit=1000{}", target, separator,
                                    after.empty() ? "" : "&after=" + net::encode_component(after))));
    for (auto& item : page["items"]) items.push_back(std::move(item));
    after = page["next"].is_string() ? page["next"].get<std::string>() : "";
  } while (!after.empty());
  return items;
}

}  // namespace millrace::api
