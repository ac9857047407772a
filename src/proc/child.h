#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"

namespace millrace::proc {

// How a process ended: by an exit status or by a signal.
struct Exit {
  int status = 0;  // where signal is 0
  int signal = 0;
  // The most memory that it, or a process it waited for, had resident. The kernel counts a new child as holding its
  // parent's memory, so below the parent's own peak this is what was last seen while someone waited for the child,
  // or 0.
  std::int64_t peak_rss_bytes = 0;
  Duration cpu_time{0};  // user and system, with the processes it waited for

  bool ok() const { return status == 0 && signal == 0; }
};

// "exit status 3", "killed by signal 9 (Killed)".
std::string describe(const Exit& exit);

struct ChildState;

// A running process, the leader of its own process group. When it ends, whatever it left running in its group is
// killed. Thread-safe: one thread may wait while another terminates. The destructor kills and reaps.
class Child {
 public:
  explicit Child(std::unique_ptr<ChildState> state);
  ~Child();
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;

  pid_t pid() const;

  // Until it ends and its output has been delivered; may be called again.
  Exit wait();
  // nullopt where it still runs after `timeout`; wait_for(0) only looks.
  std::optional<Exit> wait_for(Duration timeout);

  // SIGTERM to the group, then after `grace` SIGKILL; waits.
  Exit terminate(Duration grace);
  // To the group; nothing where it has ended.
  void signal(int number);

 private:
  std::unique_ptr<ChildState> state_;
};

}  // namespace millrace::proc
