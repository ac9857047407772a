#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/result.h"
#include "replicas/upstream.h"

namespace millrace::replicas {

// Tells the server of a replica every few seconds, and at once when there is news; at its end, that it is no more.
// While the server cannot be reached nothing is lost: it is told again.
class Reporter {
 public:
  struct Parts {
    ServerPlace server;
    std::function<Report()> report;  // as it is now; on the reporter's thread
  };
  static Result<std::unique_ptr<Reporter>> start(Parts parts);
  ~Reporter();

  // There is news.
  void nudge();

 private:
  explicit Reporter(Parts parts) : parts_(std::move(parts)) {}
  void run(Upstream& server, const std::stop_token& stop);
  void say_goodbye() const;

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool news_ = true;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace millrace::replicas
