#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "net/connection.h"
#include "net/mailbox.h"

namespace millrace::net {

struct Service;

// One thread's share of the connections: an epoll, the connections on it, and a mailbox for the other threads.
class Loop {
 public:
  static Result<std::unique_ptr<Loop>> open(Service& service);
  // Nobody runs it any more.
  ~Loop() { mailbox_->close(); }

  // Serves until it was told to stop and the connections are gone or its time is up.
  void run();

  // For the other threads.
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  // Before a connection's socket is closed, on the loop's thread. Closing is not enough: while a child process that was
  // just forked still holds the socket, the epoll would go on telling of it.
  void forget(int socket);

  // When the present events were received; coarse, for timeouts.
  Moment now() const { return now_; }

 private:
  Loop(Service& service, std::shared_ptr<Mailbox> mailbox) : service_(service), mailbox_(std::move(mailbox)) {}
  void wait(std::chrono::milliseconds at_most);
  void read_mail();
  std::unique_ptr<Connection> make_connection(Mailbox::Arrival arrival);
  void add(std::unique_ptr<Connection> connection);
  void sweep();
  void drain(Moment deadline);
  // After anything happened to a connection: waits for what it wants now, or destroys it.
  void settle(Connection& connection);

  Service& service_;
  std::shared_ptr<Mailbox> mailbox_;
  Fd epoll_;
  Moment now_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::optional<Moment> stop_at_;
};

}  // namespace millrace::net
