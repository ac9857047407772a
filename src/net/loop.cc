#include "net/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"

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
  while (!stop_at_ || (!sessions_.empty() && now_ < *stop_at_)) {
    wait(stop_at_ ? std::min(interval, milliseconds(20)) : interval);
    if (now_ < next_sweep) continue;
    sweep();
    next_sweep = now_ + interval;
  }
}

// Mail and sweeps destroy sessions, so they come after the events, which point to sessions.
void Loop::wait(milliseconds at_most) {
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(at_most.count()));
  now_ = Steady::now();
  bool has_mail = false;
  for (int i = 0; i < count; ++i) {
    auto* session = static_cast<Session*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (session == nullptr) {
      has_mail = true;
      continue;
    }
    session->on_events(events[static_cast<std::size_t>(i)].events);
    settle(*session);
  }
  if (has_mail) read_mail();
}

void Loop::settle(Session& session) {
  while (session.must_read_on()) session.on_events(EPOLLIN);
  if (session.finished()) {
    sessions_.back()->index = session.index;
    std::swap(sessions_[session.index], sessions_.back());
    sessions_.pop_back();
    return;
  }
  const auto wanted = session.interest();
  if (session.socket() < 0 || wanted == session.registered) return;
  epoll_event event{.events = wanted, .data = {.ptr = &session}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, session.socket(), &event);
  session.registered = wanted;
}

void Loop::read_mail() {
  auto mail = mailbox_->take();
  for (auto& [socket, remote] : mail.sockets) add_session(std::move(socket), std::move(remote));
  for (auto& [session, response] : mail.answers) {
    session->on_answer(std::move(response));
    settle(*session);
  }
  for (auto* session : mail.resumed) {
    session->on_pool_done();
    settle(*session);
  }
  if (mail.stop_at) drain(*mail.stop_at);
}

void Loop::add_session(Wire socket, std::string remote) {
  auto session = std::make_unique<Session>(std::move(socket), std::move(remote), service_, *this);
  session->index = sessions_.size();
  session->registered = EPOLLIN;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = session.get()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, session->socket(), &event) != 0) return;
  sessions_.push_back(std::move(session));
}

void Loop::sweep() {
  for (std::size_t i = sessions_.size(); i-- > 0;) {
    auto& session = *sessions_[i];
    session.on_sweep(now_);
    settle(session);
  }
}

void Loop::drain(Moment deadline) {
  stop_at_ = deadline;
  for (std::size_t i = sessions_.size(); i-- > 0;) {
    auto& session = *sessions_[i];
    session.drain();
    settle(session);
  }
}

void Loop::forget(int socket) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr); }

}  // namespace millrace::net
