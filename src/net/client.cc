#include "net/client.h"

#include <netdb.h>
#include <poll.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "net/request.h"
#include "net/request_format.h"
#include "net/response_reader.h"
#include "net/socket.h"
#include "net/tls.h"

namespace millrace::net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Moment = Steady::time_point;

constexpr milliseconds kStopSeenWithin(50);

struct Origin {
  bool secure = false;
  std::string authority;  // "[::1]:8080", as it was given
  std::string host;
  std::uint16_t port = 80;
};

Result<Origin> parse_base_url(std::string_view url) {
  auto rest = url;
  const bool secure = rest.starts_with("https://");
  if (!secure && !rest.starts_with("http://")) {
    return invalid_argument("server address \"{}\" does not start with http:// or https://", url);
  }
  rest.remove_prefix(secure ? 8 : 7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos) {
    return invalid_argument("server address \"{}\" is not like http://127.0.0.1:8080", url);
  }
  Origin origin{.secure = secure, .authority = std::string(rest), .host = {}};
  if (secure) origin.port = 443;
  const auto colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos;
  if (has_port) {
    const auto digits = rest.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), origin.port);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
      return invalid_argument("server address \"{}\" has a malformed port", url);
    }
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  origin.host = rest;
  return origin;
}

Result<void> ask(const PeerCheck& check, const Address& address) {
  if (!check) return {};
  char text[NI_MAXHOST];
  if (::getnameinfo(address.get(), address.size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) {
    return unavailable("a server's address cannot be read");
  }
  return check(text);
}

bool may_repeat(std::string_view method) { return method != "POST" && method != "PATCH"; }

}  // namespace

std::string_view ClientResponse::header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (equals_ignoring_case(field, name)) return value;
  }
  return {};
}

struct Client::State {
  std::string base_url;
  Origin origin;
  ClientOptions options;
  std::optional<TlsClient> tls;
  Wire socket;
  ResponseReader reader;
  std::stop_token stop;  // of the exchange under way

  Result<ClientResponse> exchange(const ClientRequest& request, Moment deadline);
  Result<void> connect(Moment deadline);
  Result<Fd> connect_to(const Address& address, Moment deadline);
  bool went_stale() const;
  Result<void> transmit(const ClientRequest& request, Moment deadline);
  Result<void> receive(Moment deadline);
  Result<void> shake_hands(Moment deadline);
  Result<short> wait(int socket, short events, Moment deadline) const;
  std::unexpected<Error> lost(std::string_view why) const {
    return unavailable("connection to {} was lost: {}", base_url, why);
  }
};

// The events that came.
Result<short> Client::State::wait(int socket, short events, Moment deadline) const {
  const long longest = stop.stop_possible() ? kStopSeenWithin.count() : 1'000'000;
  while (true) {
    if (stop.stop_requested()) return fail(Code::kCancelled, "the request to {} was given up", base_url);
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now()).count();
    pollfd wait{socket, events, 0};
    const int count = ::poll(&wait, 1, static_cast<int>(std::clamp<long>(left, 0, longest)));
    if (count > 0) return wait.revents;
    if (count == 0 && left <= 0) return fail(Code::kDeadlineExceeded, "{} did not answer in time", base_url);
  }
}

Result<Fd> Client::State::connect_to(const Address& address, Moment deadline) {
  auto fresh = TRY(start_connecting(address));
  TRY(wait(fresh.get(), POLLOUT, deadline));
  if (const int error = connect_error(fresh.get()); error != 0) {
    std::string reason = std::strerror(error);
    reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    return unavailable("cannot connect to {}: {}; is the server running?", base_url, reason);
  }
  return fresh;
}

Result<void> Client::State::connect(Moment deadline) {
  Result<Fd> fresh = unavailable("{} has no address", base_url);
  for (const auto& address : TRY(resolve(origin.host, origin.port))) {
    // The very address that is connected to is checked, so what the name stands for later does not matter.
    TRY(ask(options.check_peer, address));
    fresh = connect_to(address, deadline);
    if (fresh) break;
  }
  if (!tls) {
    socket = Wire(TRY(std::move(fresh)));
    return {};
  }
  socket = tls->connect(TRY(std::move(fresh)), origin.host);
  return shake_hands(deadline);
}

Result<void> Client::State::shake_hands(Moment deadline) {
  while (const auto wants = TRY(tls->shake_hands(socket))) TRY(wait(socket.get(), wants, deadline));
  return {};
}

// The server closed the kept connection, or sent what was not asked for.
bool Client::State::went_stale() const { return !socket.quiet(); }

// Stops early where the server answers early, as it does to a body that is too large.
Result<void> Client::State::transmit(const ClientRequest& request, Moment deadline) {
  const auto head = format_request_head(request, origin.authority, options.bearer);
  const std::size_t total = head.size() + request.body.size();
  std::size_t sent = 0;
  while (sent < total) {
    const auto of_head = std::min(sent, head.size());
    const auto of_body = sent - of_head;
    iovec parts[2] = {{const_cast<char*>(head.data()) + of_head, head.size() - of_head},
                      {const_cast<char*>(request.body.data()) + of_body, request.body.size() - of_body}};
    const auto count = socket.send(parts);
    if (count > 0) sent += static_cast<std::size_t>(count);
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};  // an answer may have come before
    if (count < 0 && errno != EAGAIN && errno != EINTR) return lost(std::strerror(errno));
    if (sent == total) return {};
    const bool has_input = (TRY(wait(socket.get(), POLLIN | POLLOUT, deadline)) & POLLIN) != 0;
    if (has_input && !socket.quiet()) return {};
  }
  return {};
}

Result<void> Client::State::receive(Moment deadline) {
  while (true) {
    const auto space = reader.space();
    const auto count = socket.receive(space);
    if (count == 0) {
      if (TRY(reader.next_at_end()) == ResponseReader::Progress::kComplete) return {};
      return lost("closed before the answer was complete");
    }
    if (count > 0) {
      reader.received(static_cast<std::size_t>(count));
      if (TRY(reader.next()) == ResponseReader::Progress::kComplete) return {};
    } else if (errno == EAGAIN) {
      TRY(wait(socket.get(), POLLIN, deadline));
    } else if (errno != EINTR) {
      return lost(std::strerror(errno));
    }
  }
}

Result<ClientResponse> Client::State::exchange(const ClientRequest& request, Moment deadline) {
  if (!socket) TRY(connect(deadline));
  reader.start(request.method == "HEAD");
  TRY(transmit(request, deadline));
  TRY(receive(deadline));
  auto response = std::move(reader.response());
  if (!reader.keep_alive()) socket.reset();
  return response;
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Client> Client::open(std::string_view base_url, ClientOptions options) {
  auto state = std::make_unique<State>();
  state->origin = TRY(parse_base_url(base_url));
  state->options = std::move(options);
  if (state->origin.secure) state->tls = TRY(TlsClient::open(state->options.trust));
  state->base_url = base_url.ends_with('/') ? base_url.substr(0, base_url.size() - 1) : base_url;
  return Client(std::move(state));
}

Result<void> check_peers(std::string_view base_url, const PeerCheck& check) {
  const Origin origin = TRY(parse_base_url(base_url));
  for (const auto& address : TRY(resolve(origin.host, origin.port))) TRY(ask(check, address));
  return {};
}

const std::string& Client::base_url() const { return state_->base_url; }

Result<ClientResponse> Client::send(const ClientRequest& request) {
  const auto deadline = Steady::now() + request.timeout;
  state_->stop = request.stop;
  if (state_->socket && state_->went_stale()) state_->socket.reset();
  const bool kept = static_cast<bool>(state_->socket);
  auto response = state_->exchange(request, deadline);
  if (response) return response;
  state_->socket.reset();
  const bool unanswered = response.error().code == Code::kUnavailable && !state_->reader.touched();
  if (kept && unanswered && may_repeat(request.method)) {
    response = state_->exchange(request, deadline);
    if (!response) state_->socket.reset();
  }
  return response;
}

}  // namespace millrace::net
