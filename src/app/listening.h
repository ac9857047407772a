#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http/guard.h"
#include "app/exposure.h"
#include "base/result.h"
#include "net/rpc.h"
#include "net/server.h"

namespace millrace::app {

// Where a port is.
struct ListenAddress {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
};

// Where a process answers, and whom.
struct Listening {
  ListenAddress http{.port = 8080};
  std::optional<ListenAddress> grpc;  // none: no gRPC
  std::string tls_certificate;        // PEM files; "" for no TLS
  std::string tls_key;
  bool allow_anonymous = false;  // beyond loopback without users
  bool allow_plaintext = false;  // beyond loopback without TLS
  bool public_metrics = false;
  std::vector<std::string> allowed_hosts;  // names that it answers to, besides its own
};

// kFailedPrecondition where one of its ports would be open to more than was said (exposure.h); else what the log says
// of it, or "". `users`: callers must say who they are.
Result<std::string> check_exposure(const Listening& listening, bool users);

api::GuardRules guard_rules(const Listening& listening);

// What answers at its ports; all of it outlives the server.
struct Answering {
  const net::Router& router;
  const net::RpcRouter& rpcs;
  net::Guard& guard;
};
Result<std::unique_ptr<net::Server>> listen(const Listening& listening, const Answering& answering);

// Where a process of this machine finds it: "http://127.0.0.1:8080", and "127.0.0.1:8081" or "" without gRPC.
std::string url_of(const Listening& listening, std::uint16_t port);
std::string grpc_target(const Listening& listening, std::uint16_t port);

}  // namespace millrace::app
