#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <thread>

namespace millrace::cli {

// Watches the resident memory of processes and all their descendants, added up four times a second.
class MemoryWatch {
 public:
  // Of this process and of `server` (0: of this one alone).
  explicit MemoryWatch(pid_t server);
  std::int64_t peak_bytes() const { return peak_.load(); }
  void set_server(pid_t server) { server_ = server; }

 private:
  void watch(std::stop_token stop);

  std::atomic<pid_t> server_;
  std::atomic<std::int64_t> peak_ = 0;
  std::jthread thread_;
};

}  // namespace millrace::cli
