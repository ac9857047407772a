#include "net/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/log.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/tls.h"

namespace millrace::net {

using Steady = std::chrono::steady_clock;

struct Server::State {
  State(ServerOptions given, const Router& router)
      : options(std::move(given)),
        pool(std::make_unique<ThreadPool>(options.pool_threads)),
        service{options, router, *pool} {}

  void accept_connections();
  bool accept_one();
  void welcome(Fd socket, const Address& peer);

  const ServerOptions options;
  std::unique_ptr<ThreadPool> pool;
  Service service;
  Fd listener;
  Fd stop_accepting;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Loop>> loops;
  std::size_t next_loop = 0;
  std::vector<std::thread> loop_threads;
  std::unique_ptr<TlsServer> tls;  // the acceptor's; null without TLS
  std::thread acceptor;
  bool stopped = false;
};

void Server::State::accept_connections() {
  std::array<pollfd, 2> waits{pollfd{listener.get(), POLLIN, 0}, pollfd{stop_accepting.get(), POLLIN, 0}};
  while (true) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) return;
    while (accept_one()) {
    }
  }
}

bool Server::State::accept_one() {
  Address peer;
  peer.size = sizeof peer.storage;
  Fd socket(
      ::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    welcome(std::move(socket), peer);
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

void Server::State::welcome(Fd socket, const Address& peer) {
  if (service.connections.fetch_add(1, std::memory_order_relaxed) >= options.connection_limit) {
    service.connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  set_no_delay(socket.get());
  loops[next_loop++ % loops.size()]->mailbox()->adopt(tls ? tls->accept(std::move(socket)) : Wire(std::move(socket)),
                                                      to_string(peer));
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(Duration{0}); }

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, const Router& router) {
  auto state = std::make_unique<State>(std::move(options), router);
  if (state->options.tls) state->tls = TRY(TlsServer::open(*state->options.tls));
  state->listener = TRY(listen_on(state->options.address, state->options.port));
  state->port = local_port(state->listener.get());
  state->stop_accepting = Fd(::eventfd(0, EFD_CLOEXEC));
  for (int i = 0; i < state->options.io_threads; ++i) state->loops.push_back(TRY(Loop::open(state->service)));
  for (auto& loop : state->loops) state->loop_threads.emplace_back([&loop] { loop->run(); });
  state->acceptor = std::thread([state = state.get()] { state->accept_connections(); });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::uint16_t Server::port() const { return state_->port; }

void Server::stop(Duration grace) {
  if (std::exchange(state_->stopped, true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state_->stop_accepting.get(), &one, sizeof one);
  state_->acceptor.join();
  state_->listener.reset();
  const auto deadline = Steady::now() + grace;
  for (auto& loop : state_->loops) loop->mailbox()->stop(deadline);
  for (auto& thread : state_->loop_threads) thread.join();
  state_->service.abandon = true;
  state_->pool.reset();  // waits for the handlers, which use the sessions
  state_->loops.clear();
}

}  // namespace millrace::net
