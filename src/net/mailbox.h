#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "net/connection.h"
#include "net/wire.h"

namespace millrace::net {

// What is spoken on a connection.
enum class Protocol { kHttp, kRpc };

// What other threads tell a loop. It is shared with all who may still have something to tell, so it may outlive the
// loop; what comes then is dropped. Thread-safe.
class Mailbox {
 public:
  using Work = std::move_only_function<void()>;
  struct Arrival {
    Wire socket;
    std::string remote;
    Protocol protocol = Protocol::kHttp;
  };
  struct Mail {
    std::vector<Arrival> arrivals;
    std::vector<std::pair<Connection*, Work>> work;
    std::optional<Moment> stop_at;
  };

  static Result<std::shared_ptr<Mailbox>> open();

  // A new connection.
  void adopt(Arrival arrival);
  // To be done on the loop's thread, for a connection that is not finished() before.
  void post(Connection& connection, Work work);
  // Finish until then.
  void stop(Moment deadline);

  // For the loop: becomes readable where there is mail.
  int wakeup() const { return wakeup_.get(); }
  Mail take();
  // The connections go; nothing is taken from now on.
  void close();

 private:
  explicit Mailbox(Fd wakeup) : wakeup_(std::move(wakeup)) {}
  template <typename Put>
  void put(Put put);

  Fd wakeup_;
  std::mutex mutex_;
  Mail mail_;            // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace millrace::net
