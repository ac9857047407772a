#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/client.h"

namespace millrace::net {

struct LoadClientOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string bearer = {};  // a token, sent with every request
  int connections = 8;
  int pipeline = 1;  // requests that may be under way on one connection; more than one saves system calls on both sides
  Duration timeout = std::chrono::seconds(30);  // for one request, once sent
};

// An HTTP client that keeps many connections to one server busy from one thread: the caller's, in run_until. Requests
// go out in the order submitted, each on the connection with the fewest under way. A lost connection is made again for
// the next request.
class LoadClient {
 public:
  // The time from sending the request to having its whole answer, without the wait for a free connection, with the wait
  // for the answers before it on its connection. The answer
  // may be moved from. It may submit; it must not call run_until.
  using Callback = std::move_only_function<void(Result<ClientResponse>&& answer, Duration latency)>;

  // kUnavailable where the host cannot be resolved; connects with the first requests.
  static Result<std::unique_ptr<LoadClient>> open(LoadClientOptions options);
  ~LoadClient();

  // kUnavailable: the connection could not be made or was lost, and whether the server acted is not known; the
  // caller decides whether to send again. kDeadlineExceeded: no answer in time. kDataLoss: what came is not HTTP.
  void submit(std::string_view method, std::string_view target, std::string_view body, Callback callback);
  // The bytes of a whole request, e.g. from request_bytes().
  void submit_bytes(std::string bytes, Callback callback);
  std::string request_bytes(std::string_view method, std::string_view target, std::string_view body) const;

  // Sends and receives until at most `most` submitted requests are unanswered.
  void run_until(std::size_t most = 0);
  std::size_t pending() const;

 private:
  struct State;
  explicit LoadClient(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::net
