#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/trust.h"

namespace millrace::net {

struct ClientResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  // The first field of that name, or "".
  std::string_view header(std::string_view name) const;
};

struct ClientRequest {
  std::string_view method = "GET";
  std::string_view target;  // "/api/v1/runs?limit=10": percent-encoded already, see encode_component
  std::string_view body;
  std::string_view content_type = "application/json";  // sent where there is a body
  Duration timeout = std::chrono::seconds(30);         // for the whole exchange
  std::vector<std::pair<std::string, std::string>> headers;
  std::stop_token stop = {};  // the exchange ends soon after, with kCancelled
};

// Looks at the address of who answers ("93.184.216.34"), once connected and before anything is sent; its error ends the
// exchange.
using PeerCheck = std::function<Result<void>(std::string_view address)>;

struct ClientOptions {
  std::string bearer;    // a token, sent with every request that brings no Authorization of its own
  TlsTrust trust;        // for https://
  PeerCheck check_peer;  // may be empty
};

// A blocking HTTP client of one server. Keeps its connection between requests and makes a new one where the server has
// closed it. One thread at a time.
class Client {
 public:
  // "http://127.0.0.1:8080" or "https://example.org", without a path; connects with the first request.
  static Result<Client> open(std::string_view base_url, ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Any status is an answer. kUnavailable: no connection, or it was lost; kDeadlineExceeded; kDataLoss: what came is
  // not HTTP. A GET, HEAD, PUT, DELETE or OPTIONS whose kept connection was lost without an answer is sent once more.
  Result<ClientResponse> send(const ClientRequest& request);
  Result<ClientResponse> get(std::string_view target) { return send({.method = "GET", .target = target}); }
  Result<ClientResponse> post(std::string_view target, std::string_view body) {
    return send({.method = "POST", .target = target, .body = body});
  }

  const std::string& base_url() const;

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// Asks the check about each address that the server's name has now; kUnavailable where it has none.
Result<void> check_peers(std::string_view base_url, const PeerCheck& check);

// Percent-encodes all but RFC 3986's unreserved characters; for path segments and query values.
std::string encode_component(std::string_view text);

}  // namespace millrace::net
