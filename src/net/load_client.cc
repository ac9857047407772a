#include "net/load_client.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <vector>

#include "net/request_format.h"
#include "net/response_reader.h"
#include "net/socket.h"

namespace millrace::net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Moment = Steady::time_point;

constexpr milliseconds kSweepInterval(100);

struct Job {
  std::string bytes;
  LoadClient::Callback callback;
  bool to_head = false;
  Moment begun;
};

struct Connection {
  enum class State { kClosed, kConnecting, kOpen };

  Fd socket;
  State state = State::kClosed;
  std::uint32_t registered = 0;
  std::deque<Job> under_way;  // in the order of their answers
  std::string outgoing;       // of those under way, what is still to be sent
  std::size_t sent = 0;       // of it
  std::size_t address = 0;    // of the host's, the one in use
  ResponseReader reader;
};

}  // namespace

struct LoadClient::State {
  LoadClientOptions options;
  std::string host;
  std::vector<Address> addresses;
  Fd epoll;
  std::vector<std::unique_ptr<Connection>> connections;
  std::deque<Job> queue;
  std::size_t under_way = 0;
  Moment next_sweep;

  std::size_t pending() const { return queue.size() + under_way; }
  void hand_out();
  Connection* least_busy();
  void take(Connection& connection, Job job);
  void connect(Connection& connection);
  void transmit(Connection& connection);
  void receive(Connection& connection);
  void on_events(Connection& connection, std::uint32_t events);
  void on_connected(Connection& connection);
  void on_closed_by_peer(Connection& connection);
  void read_answers(Connection& connection);
  bool answer(Connection& connection);
  void close(Connection& connection);
  void fail_all(Connection& connection, const Error& error);
  void finish(Connection& connection, Result<ClientResponse>&& result);
  void watch(Connection& connection, std::uint32_t events);
  void poll();
  void sweep(Moment now);
};

Connection* LoadClient::State::least_busy() {
  auto& best = *std::ranges::min_element(connections, {}, [](const auto& c) { return c->under_way.size(); });
  return best->under_way.size() < static_cast<std::size_t>(options.pipeline) ? best.get() : nullptr;
}

// Everything that can go out now is gathered first, so that a connection's requests leave in one piece.
void LoadClient::State::hand_out() {
  if (queue.empty()) return;
  while (!queue.empty()) {
    auto* connection = least_busy();
    if (!connection) break;
    take(*connection, std::move(queue.front()));
    queue.pop_front();
  }
  for (auto& connection : connections) {
    if (connection->under_way.empty()) continue;
    if (connection->state == Connection::State::kClosed)
      connect(*connection);
    else if (connection->state == Connection::State::kOpen && !connection->outgoing.empty())
      transmit(*connection);
  }
}

void LoadClient::State::take(Connection& connection, Job job) {
  job.to_head = job.bytes.starts_with("HEAD ");
  job.begun = Steady::now();
  connection.outgoing += job.bytes;
  job.bytes.clear();
  if (connection.under_way.empty()) connection.reader.start(job.to_head);
  connection.under_way.push_back(std::move(job));
  ++under_way;
}

void LoadClient::State::connect(Connection& connection) {
  auto socket = start_connecting(addresses[connection.address]);
  if (!socket) return fail_all(connection, socket.error());
  connection.socket = std::move(*socket);
  connection.state = Connection::State::kConnecting;
  epoll_event event{.events = EPOLLOUT, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, connection.socket.get(), &event);
  connection.registered = EPOLLOUT;
}

void LoadClient::State::watch(Connection& connection, std::uint32_t events) {
  if (connection.registered == events) return;
  epoll_event event{.events = events, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
  connection.registered = events;
}

void LoadClient::State::transmit(Connection& connection) {
  const std::string_view left = std::string_view(connection.outgoing).substr(connection.sent);
  const auto count = ::send(connection.socket.get(), left.data(), left.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return fail_all(connection,
                    {Code::kUnavailable, fmt::format("connection to {} was lost: {}", host, std::strerror(errno))});
  }
  if (count > 0) connection.sent += static_cast<std::size_t>(count);
  const bool done = connection.sent == connection.outgoing.size();
  if (done) connection.outgoing.clear(), connection.sent = 0;
  watch(connection, done ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void LoadClient::State::on_connected(Connection& connection) {
  if (const int error = connect_error(connection.socket.get()); error != 0) {
    connection.address = (connection.address + 1) % addresses.size();
    if (connection.address != 0) return connect(connection);
    return fail_all(connection,
                    {Code::kUnavailable, fmt::format("cannot connect to {}: {}", host, std::strerror(error))});
  }
  connection.state = Connection::State::kOpen;
  for (auto& job : connection.under_way) job.begun = Steady::now();
  transmit(connection);
}

void LoadClient::State::on_events(Connection& connection, std::uint32_t events) {
  if (connection.state == Connection::State::kConnecting) return on_connected(connection);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return receive(connection);
  if (!connection.outgoing.empty()) transmit(connection);
}

void LoadClient::State::receive(Connection& connection) {
  const auto space = connection.reader.space();
  const auto count = ::recv(connection.socket.get(), space.data(), space.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (connection.under_way.empty() || count <= 0) return on_closed_by_peer(connection);
  connection.reader.received(static_cast<std::size_t>(count));
  read_answers(connection);
}

void LoadClient::State::read_answers(Connection& connection) {
  while (!connection.under_way.empty()) {
    const auto progress = connection.reader.next();
    if (!progress) return fail_all(connection, progress.error());
    if (*progress == ResponseReader::Progress::kNeedMore || !answer(connection)) return;
  }
}

void LoadClient::State::on_closed_by_peer(Connection& connection) {
  if (connection.under_way.empty()) return close(connection);
  const auto progress = connection.reader.next_at_end();
  if (progress && *progress == ResponseReader::Progress::kComplete)
    finish(connection, std::move(connection.reader.response()));
  fail_all(connection,
           {Code::kUnavailable, fmt::format("connection to {} was lost before the answer was complete", host)});
}

// False where nothing more will come on this connection.
bool LoadClient::State::answer(Connection& connection) {
  const bool goes_on =
      connection.reader.goes_on() && (connection.under_way.size() > 1 || connection.reader.keep_alive());
  auto response = std::move(connection.reader.response());
  if (!goes_on) {
    finish(connection, std::move(response));
    fail_all(connection, {Code::kUnavailable, fmt::format("{} closed the connection before it answered", host)});
    return false;
  }
  if (connection.under_way.size() > 1) connection.reader.start_next(connection.under_way[1].to_head);
  finish(connection, std::move(response));
  return true;
}

void LoadClient::State::close(Connection& connection) {
  connection.socket.reset();
  connection.state = Connection::State::kClosed;
  connection.outgoing.clear();
  connection.sent = 0;
}

void LoadClient::State::fail_all(Connection& connection, const Error& error) {
  close(connection);
  auto lost = connection.under_way.size();
  while (lost-- > 0) finish(connection, std::unexpected(error));
}

// The job's place is free before the callback runs, which may submit.
void LoadClient::State::finish(Connection& connection, Result<ClientResponse>&& result) {
  auto job = std::move(connection.under_way.front());
  connection.under_way.pop_front();
  --under_way;
  job.callback(std::move(result), std::chrono::duration_cast<Duration>(Steady::now() - job.begun));
}

void LoadClient::State::poll() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(kSweepInterval.count()));
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    on_events(*static_cast<Connection*>(event.data.ptr), event.events);
  }
  if (const auto now = Steady::now(); now >= next_sweep) sweep(now);
}

void LoadClient::State::sweep(Moment now) {
  next_sweep = now + kSweepInterval;
  for (auto& connection : connections) {
    if (connection->under_way.empty() || now - connection->under_way.front().begun <= options.timeout) continue;
    fail_all(*connection, {Code::kDeadlineExceeded, fmt::format("{} did not answer in time", host)});
  }
}

LoadClient::LoadClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadClient::~LoadClient() = default;

Result<std::unique_ptr<LoadClient>> LoadClient::open(LoadClientOptions options) {
  auto state = std::make_unique<State>();
  state->host = host_and_port(options.host, options.port);
  state->addresses = TRY(resolve(options.host, options.port));
  state->epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!state->epoll) return unavailable("cannot make an epoll: {}", std::strerror(errno));
  for (int i = 0; i < options.connections; ++i) {
    state->connections.push_back(std::make_unique<Connection>());
  }
  state->options = std::move(options);
  return std::unique_ptr<LoadClient>(new LoadClient(std::move(state)));
}

std::string LoadClient::request_bytes(std::string_view method, std::string_view target, std::string_view body) const {
  auto bytes =
      format_request_head({.method = method, .target = target, .body = body}, state_->host, state_->options.bearer);
  bytes += body;
  return bytes;
}

void LoadClient::submit(std::string_view method, std::string_view target, std::string_view body, Callback callback) {
  submit_bytes(request_bytes(method, target, body), std::move(callback));
}

void LoadClient::submit_bytes(std::string bytes, Callback callback) {
  state_->queue.push_back({.bytes = std::move(bytes), .callback = std::move(callback), .begun = {}});
}

void LoadClient::run_until(std::size_t most) {
  state_->hand_out();
  while (state_->pending() > most) {
    state_->poll();
    state_->hand_out();
  }
}

std::size_t LoadClient::pending() const { return state_->pending(); }

}  // namespace millrace::net
