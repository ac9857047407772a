#include "net/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/thread_pool.h"
#include "net/loop.h"
#include "net/rpc.h"
#include "net/session.h"
#include "net/socket.h"
#include "net/tls.h"

namespace millrace::net {

using Steady = std::chrono::steady_clock;

struct Server::State {
  State(ServerOptions given, const Router& router)
      : options(std::move(given)),
        pool(std::make_unique<ThreadPool>(options.pool_threads)),
        service{options, router, *pool} {}

  // A port, and what is spoken there.
  struct Door {
    Protocol protocol = Protocol::kHttp;
    Fd listener;
    std::uint16_t port = 0;
    std::unique_ptr<TlsServer> tls;  // the acceptor's; null without TLS
  };

  Result<Door> open_door(Protocol protocol) const;
  void accept_connections();
  bool accept_one(Door& door);
  void welcome(Door& door, Fd socket, const Address& peer);

  const ServerOptions options;
  std::unique_ptr<ThreadPool> pool;
  Service service;
  std::vector<Door> doors;  // HTTP's, and gRPC's where there is one
  Fd stop_accepting;
  std::vector<std::unique_ptr<Loop>> loops;
  std::size_t next_loop = 0;
  std::vector<std::thread> loop_threads;
  std::thread acceptor;
  bool stopped = false;
};

Result<Server::State::Door> Server::State::open_door(Protocol protocol) const {
  const bool http = protocol == Protocol::kHttp;
  const auto& address = http ? options.address : options.rpc->address;
  Door door{.protocol = protocol};
  if (options.tls) door.tls = TRY(TlsServer::open(*options.tls, http ? "http/1.1" : "h2"));
  door.listener = TRY(listen_on(address, http ? options.port : options.rpc->port, http ? "--listen" : "--grpc-listen"));
  door.port = local_port(door.listener.get());
  return door;
}

void Server::State::accept_connections() {
  std::vector<pollfd> waits{{stop_accepting.get(), POLLIN, 0}};
  for (const auto& door : doors) waits.push_back({door.listener.get(), POLLIN, 0});
  while (true) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    for (std::size_t i = 0; i < doors.size(); ++i) {
      while (waits[i + 1].revents != 0 && accept_one(doors[i])) {
      }
    }
  }
}

bool Server::State::accept_one(Door& door) {
  Address peer;
  peer.size = sizeof peer.storage;
  Fd socket(::accept4(door.listener.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    welcome(door, std::move(socket), peer);
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    // The connection stays in the queue; it can be taken once others have closed.
    log::warn("cannot accept a connection", {{"reason", std::strerror(errno)}});
    pollfd stop{stop_accepting.get(), POLLIN, 0};
    ::poll(&stop, 1, 100);
    return false;
  }
  return errno == EINTR || errno == ECONNABORTED;
}

void Server::State::welcome(Door& door, Fd socket, const Address& peer) {
  if (service.connections.fetch_add(1, std::memory_order_relaxed) >= options.connection_limit) {
    service.connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  set_no_delay(socket.get());
  auto wire = door.tls ? door.tls->accept(std::move(socket)) : Wire(std::move(socket));
  loops[next_loop++ % loops.size()]->mailbox()->adopt({std::move(wire), to_string(peer), door.protocol});
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(Duration{0}); }

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, const Router& router) {
  auto state = std::make_unique<State>(std::move(options), router);
  state->doors.push_back(TRY(state->open_door(Protocol::kHttp)));
  if (state->options.rpc) state->doors.push_back(TRY(state->open_door(Protocol::kRpc)));
  state->stop_accepting = Fd(::eventfd(0, EFD_CLOEXEC));
  for (int i = 0; i < state->options.io_threads; ++i) state->loops.push_back(TRY(Loop::open(state->service)));
  for (auto& loop : state->loops) state->loop_threads.emplace_back([&loop] { loop->run(); });
  state->acceptor = std::thread([state = state.get()] { state->accept_connections(); });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::uint16_t Server::port() const { return state_->doors.front().port; }
std::uint16_t Server::rpc_port() const { return state_->options.rpc ? state_->doors.back().port : 0; }

void Server::stop(Duration grace) {
  if (std::exchange(state_->stopped, true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state_->stop_accepting.get(), &one, sizeof one);
  state_->acceptor.join();
  for (auto& door : state_->doors) door.listener.reset();
  const auto deadline = Steady::now() + grace;
  for (auto& loop : state_->loops) loop->mailbox()->stop(deadline);
  for (auto& thread : state_->loop_threads) thread.join();
  state_->service.abandon = true;
  state_->pool.reset();  // waits for the handlers, which use the sessions
  state_->loops.clear();
}

}  // namespace millrace::net
