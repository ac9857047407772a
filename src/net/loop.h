#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "net/session.h"

namespace millrace::net {

// One thread's share of the connections: an epoll, the sessions on it, and a mailbox for the other threads.
class Loop {
 public:
  static Result<std::unique_ptr<Loop>> open(Service& service);

  // Serves until stop() was called and the sessions are gone or its time is up.
  void run();

  // These four may be called on any thread.
  void adopt(Wire socket, std::string remote);
  void complete(Session& session, Response response);
  // The pool has done its part of a streamed body.
  void resume(Session& session);
  void stop(Moment deadline);

  // Before a session's socket is closed, on the loop's thread. Closing is not enough: while a child process that was
  // just forked still holds the socket, the epoll would go on telling of it.
  void forget(int socket);

  // When the present events were received; coarse, for timeouts.
  Moment now() const { return now_; }

 private:
  struct Mail {
    std::vector<std::pair<Wire, std::string>> sockets;
    std::vector<std::pair<Session*, Response>> answers;
    std::vector<Session*> resumed;
    std::optional<Moment> stop_at;
  };

  explicit Loop(Service& service) : service_(service) {}
  void wait(std::chrono::milliseconds at_most);
  void read_mail();
  void add_session(Wire socket, std::string remote);
  void sweep();
  void drain(Moment deadline);
  // After anything happened to a session: waits for what it wants now, or destroys it.
  void settle(Session& session);
  void wake();

  Service& service_;
  Fd epoll_;
  Fd wakeup_;
  Moment now_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::optional<Moment> stop_at_;

  std::mutex mutex_;
  Mail mail_;  // guarded by mutex_
};

}  // namespace millrace::net
