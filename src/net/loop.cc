#include "net/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "net/rpc_session.h"
#include "net/session.h"

namespace millrace::net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// A quarter of the shortest timeout, so that none is overrun by much; at least one sweep a second.
milliseconds sweep_interval(const ServerOptions& options) {
  const auto shortest =
      std::min({options.header_timeout, options.body_timeout, options.idle_timeout, options.write_timeout});
  return std::clamp(std::chrono::duration_cast<milliseconds>(shortest / 4), milliseconds(5), milliseconds(1000));
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::open(Service& service) {
  std::unique_ptr<Loop> loop(new Loop(service, TRY(Mailbox::open())));
  loop->epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (!loop->epoll_ || ::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->mailbox_->wakeup(), &event) != 0) {
    return unavailable("cannot make an epoll: {}", std::strerror(errno));
  }
  return loop;
}

void Loop::run() {
  const auto interval = sweep_interval(service_.options);
  now_ = Steady::now();
  auto next_sweep = now_ + interval;
  while (!stop_at_ || (!connections_.empty() && now_ < *stop_at_)) {
    wait(stop_at_ ? std::min(interval, milliseconds(20)) : interval);
    if (now_ < next_sweep) continue;
    sweep();
    next_sweep = now_ + interval;
  }
}

// Mail and sweeps destroy connections, so they come after the events, which point to connections.
void Loop::wait(milliseconds at_most) {
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(at_most.count()));
  now_ = Steady::now();
  bool has_mail = false;
  for (int i = 0; i < count; ++i) {
    auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (connection == nullptr) {
      has_mail = true;
      continue;
    }
    connection->on_events(events[static_cast<std::size_t>(i)].events);
    settle(*connection);
  }
  if (has_mail) read_mail();
}

void Loop::settle(Connection& connection) {
  while (connection.must_read_on()) connection.on_events(EPOLLIN);
  if (connection.finished()) {
    connections_.back()->index = connection.index;
    std::swap(connections_[connection.index], connections_.back());
    connections_.pop_back();
    return;
  }
  const auto wanted = connection.interest();
  if (connection.socket() < 0 || wanted == connection.registered) return;
  epoll_event event{.events = wanted, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket(), &event);
  connection.registered = wanted;
}

void Loop::read_mail() {
  auto mail = mailbox_->take();
  for (auto& arrival : mail.arrivals) add(make_connection(std::move(arrival)));
  for (auto& [connection, work] : mail.work) {
    work();
    settle(*connection);
  }
  if (mail.stop_at) drain(*mail.stop_at);
}

std::unique_ptr<Connection> Loop::make_connection(Mailbox::Arrival arrival) {
  if (arrival.protocol == Protocol::kRpc) {
    return std::make_unique<RpcSession>(std::move(arrival.socket), std::move(arrival.remote), service_, *this);
  }
  return std::make_unique<Session>(std::move(arrival.socket), std::move(arrival.remote), service_, *this);
}

void Loop::add(std::unique_ptr<Connection> connection) {
  connection->index = connections_.size();
  connection->registered = EPOLLIN;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection->socket(), &event) != 0) return;
  connections_.push_back(std::move(connection));
}

void Loop::sweep() {
  for (std::size_t i = connections_.size(); i-- > 0;) {
    auto& connection = *connections_[i];
    connection.on_sweep(now_);
    settle(connection);
  }
}

void Loop::drain(Moment deadline) {
  stop_at_ = deadline;
  for (std::size_t i = connections_.size(); i-- > 0;) {
    auto& connection = *connections_[i];
    connection.drain();
    settle(connection);
  }
}

void Loop::forget(int socket) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr); }

}  // namespace millrace::net
