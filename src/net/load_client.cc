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
};

struct Connection {
  enum class State { kClosed, kConnecting, kIdle, kSending, kWaiting };

  Fd socket;
  State state = State::kClosed;
  std::uint32_t registered = 0;
  Job job;
  std::size_t sent = 0;
  std::size_t address = 0;  // of the host's, the one in use
  Moment begun;
  ResponseReader reader;
};

}  // namespace

struct LoadClient::State {
  LoadClientOptions options;
  std::string host;
  std::vector<Address> addresses;
  Fd epoll;
  std::vector<std::unique_ptr<Connection>> connections;
  std::deque<Connection*> free;
  std::deque<Job> queue;
  Moment next_sweep;

  std::size_t pending() const { return queue.size() + connections.size() - free.size(); }
  void hand_out();
  void begin(Connection& connection);
  void connect(Connection& connection);
  void transmit(Connection& connection);
  void receive(Connection& connection);
  void on_events(Connection& connection, std::uint32_t events);
  void on_connected(Connection& connection);
  void on_closed_by_peer(Connection& connection);
  void answer(Connection& connection);
  void fail_job(Connection& connection, Error error);
  void finish(Connection& connection, Result<ClientResponse>&& result);
  void watch(Connection& connection, std::uint32_t events);
  void poll();
  void sweep(Moment now);
};

void LoadClient::State::hand_out() {
  while (!queue.empty() && !free.empty()) {
    auto& connection = *free.front();
    free.pop_front();
    connection.job = std::move(queue.front());
    queue.pop_front();
    begin(connection);
  }
}

void LoadClient::State::begin(Connection& connection) {
  connection.sent = 0;
  connection.begun = Steady::now();
  connection.reader.start(connection.job.bytes.starts_with("HEAD "));
  if (connection.state == Connection::State::kClosed) return connect(connection);
  connection.state = Connection::State::kSending;
  transmit(connection);
}

void LoadClient::State::connect(Connection& connection) {
  auto socket = start_connecting(addresses[connection.address]);
  if (!socket) return fail_job(connection, socket.error());
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
  const std::string_view left = std::string_view(connection.job.bytes).substr(connection.sent);
  const auto count = ::send(connection.socket.get(), left.data(), left.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return fail_job(connection,
                    {Code::kUnavailable, fmt::format("connection to {} was lost: {}", host, std::strerror(errno))});
  }
  if (count > 0) connection.sent += static_cast<std::size_t>(count);
  const bool done = connection.sent == connection.job.bytes.size();
  if (done) connection.state = Connection::State::kWaiting;
  watch(connection, done ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void LoadClient::State::on_connected(Connection& connection) {
  if (const int error = connect_error(connection.socket.get()); error != 0) {
    connection.address = (connection.address + 1) % addresses.size();
    if (connection.address != 0) return connect(connection);
    return fail_job(connection,
                    {Code::kUnavailable, fmt::format("cannot connect to {}: {}", host, std::strerror(error))});
  }
  connection.state = Connection::State::kSending;
  connection.begun = Steady::now();
  transmit(connection);
}

void LoadClient::State::on_events(Connection& connection, std::uint32_t events) {
  if (connection.state == Connection::State::kConnecting) return on_connected(connection);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return receive(connection);
  if (connection.state == Connection::State::kSending) transmit(connection);
}

void LoadClient::State::receive(Connection& connection) {
  const auto space = connection.reader.space();
  const auto count = ::recv(connection.socket.get(), space.data(), space.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const bool is_idle = connection.state == Connection::State::kIdle;
  if (is_idle || count <= 0) return on_closed_by_peer(connection);
  connection.reader.received(static_cast<std::size_t>(count));
  const auto progress = connection.reader.next();
  if (!progress) return fail_job(connection, progress.error());
  if (*progress == ResponseReader::Progress::kComplete) answer(connection);
}

void LoadClient::State::on_closed_by_peer(Connection& connection) {
  if (connection.state == Connection::State::kIdle) {
    connection.socket.reset();
    connection.state = Connection::State::kClosed;
    return;
  }
  const auto progress = connection.reader.next_at_end();
  if (progress && *progress == ResponseReader::Progress::kComplete) return answer(connection);
  fail_job(connection,
           {Code::kUnavailable, fmt::format("connection to {} was lost before the answer was complete", host)});
}

void LoadClient::State::answer(Connection& connection) {
  const bool reusable = connection.reader.keep_alive() && connection.state == Connection::State::kWaiting;
  connection.state = reusable ? Connection::State::kIdle : Connection::State::kClosed;
  if (!reusable) connection.socket.reset();
  finish(connection, std::move(connection.reader.response()));
}

void LoadClient::State::fail_job(Connection& connection, Error error) {
  connection.socket.reset();
  connection.state = Connection::State::kClosed;
  finish(connection, std::unexpected(std::move(error)));
}

// The connection is free before the callback runs, which may submit.
void LoadClient::State::finish(Connection& connection, Result<ClientResponse>&& result) {
  const auto latency = std::chrono::duration_cast<Duration>(Steady::now() - connection.begun);
  auto job = std::move(connection.job);
  free.push_back(&connection);
  job.callback(std::move(result), latency);
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
    const bool busy = connection->state != Connection::State::kClosed && connection->state != Connection::State::kIdle;
    if (!busy || now - connection->begun <= options.timeout) continue;
    fail_job(*connection, {Code::kDeadlineExceeded, fmt::format("{} did not answer in time", host)});
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
    state->free.push_back(state->connections.back().get());
  }
  state->options = std::move(options);
  return std::unique_ptr<LoadClient>(new LoadClient(std::move(state)));
}

std::string LoadClient::request_bytes(std::string_view method, std::string_view target, std::string_view body) const {
  auto bytes = format_request_head({.method = method, .target = target, .body = body}, state_->host);
  bytes += body;
  return bytes;
}

void LoadClient::submit(std::string_view method, std::string_view target, std::string_view body, Callback callback) {
  submit_bytes(request_bytes(method, target, body), std::move(callback));
}

void LoadClient::submit_bytes(std::string bytes, Callback callback) {
  state_->queue.push_back({std::move(bytes), std::move(callback)});
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
