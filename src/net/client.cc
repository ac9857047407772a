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
#include "net/tls_client.h"

namespace millrace::net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Moment = Steady::time_point;

enum class Scheme { kHttp, kHttps };

struct Origin {
  Scheme scheme = Scheme::kHttp;
  std::string authority;  // "[::1]:8080", as it was given
  std::string host;
  std::uint16_t port = 80;
};

Result<Origin> parse_base_url(std::string_view url) {
  auto rest = url;
  Origin origin;
  if (rest.starts_with("https://")) {
    origin.scheme = Scheme::kHttps;
    origin.port = 443;
  } else if (!rest.starts_with("http://")) {
    return invalid_argument("server address \"{}\" does not start with http://", url);
  }
  rest.remove_prefix(rest.find("//") + 2);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos) {
    return invalid_argument("server address \"{}\" is not like http://127.0.0.1:8080", url);
  }
  origin.authority = rest;
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
  PeerCheck check_peer;
  Fd socket;
  std::optional<TlsClient> tls;  // over `socket`
  ResponseReader reader;

  Result<ClientResponse> exchange(const ClientRequest& request, Moment deadline);
  Result<void> connect(Moment deadline);
  Result<Fd> connect_to(const Address& address, Moment deadline);
  Result<void> check(const Address& address) const;
  Result<void> secure(Moment deadline);
  void disconnect();
  bool went_stale() const;
  ssize_t send_some(std::string_view head, std::string_view body);
  ssize_t receive_some(std::span<char> into);
  Result<void> transmit(const ClientRequest& request, Moment deadline);
  Result<void> receive(Moment deadline);
  Result<short> wait(const Fd& on, short events, Moment deadline) const;
  std::unexpected<Error> lost(std::string_view why) const {
    return unavailable("connection to {} was lost: {}", base_url, why);
  }
};

// The events that came.
Result<short> Client::State::wait(const Fd& on, short events, Moment deadline) const {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now()).count();
    pollfd wait{on.get(), events, 0};
    const int count = ::poll(&wait, 1, static_cast<int>(std::clamp<long>(left, 0, 1'000'000)));
    if (count > 0) return wait.revents;
    if (count == 0 && left <= 0) return fail(Code::kDeadlineExceeded, "{} did not answer in time", base_url);
  }
}

Result<Fd> Client::State::connect_to(const Address& address, Moment deadline) {
  auto fresh = TRY(start_connecting(address));
  TRY(wait(fresh, POLLOUT, deadline));
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
    TRY(check(address));
    fresh = connect_to(address, deadline);
    if (fresh) break;
  }
  socket = TRY(std::move(fresh));
  if (origin.scheme == Scheme::kHttp) return {};
  auto secured = secure(deadline);
  if (!secured) disconnect();
  return secured;
}

// The very address that is connected to is checked, so what the name stands for later does not matter.
Result<void> Client::State::check(const Address& address) const { return ask(check_peer, address); }

Result<void> Client::State::secure(Moment deadline) {
  tls = TRY(TlsClient::open(socket.get(), origin.host));
  while (!TRY(tls->handshake())) TRY(wait(socket, tls->wanted(), deadline));
  return {};
}

void Client::State::disconnect() {
  tls.reset();
  socket.reset();
}

ssize_t Client::State::send_some(std::string_view head, std::string_view body) {
  if (tls) return tls->write(head.empty() ? body : head);
  iovec parts[2] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  const msghdr message{.msg_iov = parts, .msg_iovlen = 2};
  return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
}

ssize_t Client::State::receive_some(std::span<char> into) {
  return tls ? tls->read(into) : ::recv(socket.get(), into.data(), into.size(), 0);
}

// The server closed the kept connection, or sent what was not asked for.
bool Client::State::went_stale() const {
  char byte = 0;
  return !(::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

// Stops early where the server answers early, as it does to a body that is too large.
Result<void> Client::State::transmit(const ClientRequest& request, Moment deadline) {
  const auto head = format_request_head(request, origin.authority);
  const std::size_t total = head.size() + request.body.size();
  std::size_t sent = 0;
  while (sent < total) {
    const auto of_head = std::min(sent, head.size());
    const auto count = send_some(std::string_view(head).substr(of_head), request.body.substr(sent - of_head));
    if (count > 0) sent += static_cast<std::size_t>(count);
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};  // an answer may have come before
    if (count < 0 && errno != EAGAIN && errno != EINTR) return lost(std::strerror(errno));
    if (sent == total) break;
    if (!tls && (TRY(wait(socket, POLLIN | POLLOUT, deadline)) & POLLIN) != 0) return {};
    if (tls && count < 0) TRY(wait(socket, tls->wanted(), deadline));
  }
  return {};
}

Result<void> Client::State::receive(Moment deadline) {
  while (true) {
    const auto space = reader.space();
    const auto count = receive_some(space);
    if (count == 0) {
      if (TRY(reader.next_at_end()) == ResponseReader::Progress::kComplete) return {};
      return lost("closed before the answer was complete");
    }
    if (count > 0) {
      reader.received(static_cast<std::size_t>(count));
      if (TRY(reader.next()) == ResponseReader::Progress::kComplete) return {};
    } else if (errno == EAGAIN) {
      TRY(wait(socket, tls ? tls->wanted() : static_cast<short>(POLLIN), deadline));
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
  if (!reader.keep_alive()) disconnect();
  return response;
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Client> Client::open(std::string_view base_url, PeerCheck check_peer) {
  auto state = std::make_unique<State>();
  state->origin = TRY(parse_base_url(base_url));
  state->check_peer = std::move(check_peer);
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
  if (state_->socket && state_->went_stale()) state_->disconnect();
  const bool kept = static_cast<bool>(state_->socket);
  auto response = state_->exchange(request, deadline);
  if (response) return response;
  state_->disconnect();
  const bool unanswered = response.error().code == Code::kUnavailable && !state_->reader.touched();
  if (kept && unanswered && may_repeat(request.method)) {
    response = state_->exchange(request, deadline);
    if (!response) state_->disconnect();
  }
  return response;
}

}  // namespace millrace::net
