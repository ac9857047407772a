#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/client.h"
#include "replicas/roster.h"
#include "replicas/state.h"

namespace millrace::replicas {

// Where a replica's server is, and how it says who it is.
struct ServerPlace {
  std::string url;
  net::ClientOptions options;
};

// What a replica asks of its server. What the server refuses has the code that its status means; kAborted is its own
// trouble (5xx), kUnavailable and kDeadlineExceeded that it cannot be reached. One thread at a time; a request ends
// soon where `stop` is asked for.
class Upstream {
 public:
  static Result<Upstream> open(const ServerPlace& place, std::stop_token stop);

  // The text of the newest state, once its entity tag is not `known`; none where it stayed that for `patience`.
  Result<std::optional<std::string>> next_state(const std::string& known, Duration patience);
  // The text of who may ask (callers.h).
  Result<std::string> callers();
  // Some bytes of a model's file.
  Result<std::string> read_file(std::string_view sha256, std::uint64_t offset, std::size_t most);
  // The vectors of a feature service for the rows of a body: one row's doubles after the other.
  Result<std::string> vectors(std::string_view service, std::string_view body);
  Result<void> report(const Report& report);
  Result<void> say_goodbye(std::string_view name);
  // Rows of an endpoint's prediction log, as a file of it has them; answers how many the server found in it.
  Result<std::int64_t> send_predictions(std::string_view endpoint, std::string_view rows);

 private:
  Upstream(net::Client client, std::stop_token stop) : client_(std::move(client)), stop_(std::move(stop)) {}
  Result<net::ClientResponse> send(net::ClientRequest request);

  net::Client client_;
  std::stop_token stop_;
};

// The wait before the next try after so many failures in a row: it doubles from a fifth of a second to ten seconds, and
// `chance`, from 0 to 1, takes up to half of it away, so that replicas do not all come back at once.
Duration wait_after(int failures, double chance);

}  // namespace millrace::replicas
