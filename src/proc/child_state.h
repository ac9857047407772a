#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "proc/child.h"
#include "proc/guard.h"

namespace millrace::proc {

// Hands what a child writes to a function, on a thread of its own, until the child's end of the pipe closes.
class OutputReader {
 public:
  OutputReader(Fd pipe, std::function<void(std::string_view)> sink);
  ~OutputReader() { finish(); }

  // Delivers what is in the pipe and ends, even where a process that left the group still holds the other end.
  void finish();

 private:
  void run();
  bool deliver();

  Fd pipe_;
  Fd stop_;
  std::function<void(std::string_view)> sink_;
  std::once_flag finished_;
  std::thread thread_;
};

struct ChildState {
  pid_t pid = -1;
  Fd pidfd;                       // readable when the child has ended
  std::int64_t baseline_rss = 0;  // this process's peak when the child began, which the kernel counts as the child's
  std::shared_ptr<Guard> guard;   // nullptr where the child may outlive us
  std::unique_ptr<OutputReader> output;

  std::mutex mutex;
  std::optional<Exit> exit;        // once reaped; guarded by mutex
  std::int64_t seen_peak_rss = 0;  // guarded by mutex
};

}  // namespace millrace::proc
