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
#include "net/response.h"
#include "net/wire.h"

namespace millrace::net {

class Session;

// What other threads tell a loop. It is shared with all who may still have something to tell, so it may outlive the
// loop; what comes then is dropped. Thread-safe.
class Mailbox {
 public:
  struct Mail {
    std::vector<std::pair<Wire, std::string>> sockets;
    std::vector<std::pair<Session*, Response>> answers;
    std::vector<Session*> resumed;
    std::optional<std::chrono::steady_clock::time_point> stop_at;
  };

  static Result<std::shared_ptr<Mailbox>> open();

  // A new connection.
  void adopt(Wire socket, std::string remote);
  // What the handler of a session's request answers.
  void answer(Session& session, Response response);
  // The pool has done its part of a streamed body, or has asked the guard.
  void resume(Session& session);
  // Finish until then.
  void stop(std::chrono::steady_clock::time_point deadline);

  // For the loop: becomes readable where there is mail.
  int wakeup() const { return wakeup_.get(); }
  Mail take();
  // The sessions go; nothing is taken from now on.
  void close();

 private:
  explicit Mailbox(Fd wakeup) : wakeup_(std::move(wakeup)) {}
  template <typename Put>
  void post(Put put);

  Fd wakeup_;
  std::mutex mutex_;
  Mail mail_;            // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace millrace::net
