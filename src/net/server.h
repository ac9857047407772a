#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "net/guard.h"
#include "net/request.h"
#include "net/response.h"
#include "net/router.h"

namespace millrace::net {

// PEM files: the server's certificate with those that lead to its root, and its key. When they change, new connections
// get what is in them then.
struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

class RpcRouter;  // net/rpc.h

// Where gRPC is spoken, by the same loops and under the same limits.
struct RpcOptions {
  const RpcRouter* router = nullptr;  // outlives the server and does not change
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;            // 0: any free one
  std::uint32_t stream_limit = 256;  // calls at once on one connection
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // a numeric address or a name
  std::uint16_t port = 0;             // 0: any free one
  int io_threads = 2;                 // each serves its share of the connections
  int pool_threads = 4;               // for handlers on the blocking lane
  std::size_t blocking_limit = 1024;  // blocking handlers waiting or running; beyond it the answer is 503
  std::size_t body_limit = 64 << 20;  // bytes; a route may have its own
  std::size_t header_limit = 16 << 10;
  std::size_t connection_limit = 10'000;               // further ones are closed at once
  Duration header_timeout = std::chrono::seconds(10);  // from a request's first byte to the end of its header
  // A body must arrive within this time plus one second for each 16 KiB of it that came.
  Duration body_timeout = std::chrono::seconds(20);
  Duration idle_timeout = std::chrono::seconds(75);   // between requests
  Duration write_timeout = std::chrono::seconds(30);  // without the client taking a byte
  std::optional<TlsFiles> tls;                        // given: TLS, and nothing else
  std::optional<RpcOptions> rpc;                      // given: gRPC on a port of its own
  Guard* guard = nullptr;                             // none: everybody may call everything
  // Called after each handler of the blocking lane, on the pool's threads, with the time that the handler took.
  std::function<void(const Request&, const Response&, Duration)> observe;
};

// An HTTP/1.1 and gRPC server: one thread accepts and hands connections round robin to `io_threads` loops, each with
// its own epoll. A connection stays with its loop; its requests are answered in order, inline ones at once. Requests
// that are malformed, too large or too slow are answered with the error body and the connection is closed.
class Server {
 public:
  // Listens and serves when it returns. `router` must outlive the server and not change.
  // kUnavailable: "cannot listen on 127.0.0.1:8080: address already in use; choose another with --listen".
  static Result<std::unique_ptr<Server>> start(ServerOptions options, const Router& router);
  // stop(0).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  // 0 where no gRPC is spoken.
  std::uint16_t rpc_port() const;

  // Stops accepting, closes idle connections, lets requests that have begun be answered for at most `grace`, then
  // closes what is left. Handlers that run are always waited for; those that only wait after `grace` do not start.
  // Once.
  void stop(Duration grace);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::net
