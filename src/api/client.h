#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "net/client.h"

namespace millrace::api {

// How a process that the server started reaches it: MILLRACE_TOKEN, and for https:// MILLRACE_CA_FILE or
// MILLRACE_SERVER_FINGERPRINT.
net::ClientOptions client_options_of_environment();

// The API as a program calls it: JSON in, JSON out, an error body as an Error with its code. One thread at a time.
class ApiClient {
 public:
  // "http://127.0.0.1:8080". Nothing is sent yet.
  static Result<ApiClient> open(std::string_view base_url, net::ClientOptions options = {});

  Result<Json> get(std::string_view target);
  // What is no JSON, as it is.
  Result<std::string> get_text(std::string_view target);
  Result<Json> post(std::string_view target, const Json& body);
  Result<Json> put(std::string_view target, const Json& body);
  Result<Json> patch(std::string_view target, const Json& body);
  // DELETE.
  Result<Json> remove(std::string_view target);
  Result<Json> post_bytes(std::string_view target, std::string_view body, std::string_view content_type);
  // All items of a paged list.
  Result<Json> list(std::string target);

  Result<Json> send(const net::ClientRequest& request);
  const std::string& base_url() const { return client_.base_url(); }

 private:
  explicit ApiClient(net::Client client) : client_(std::move(client)) {}

  net::Client client_;
};

// "/api/v1/models/{}/versions" with each argument percent-encoded.
template <typename... Args>
std::string target(fmt::format_string<decltype(std::string(std::declval<Args>()))...> pattern, const Args&... args) {
  return fmt::format(pattern, net::encode_component(args)...);
}

}  // namespace millrace::api
