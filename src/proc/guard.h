#pragma once

#include <sys/types.h>

#include <memory>

#include "base/fd.h"
#include "base/result.h"

namespace millrace::proc {

// A small shell that outlives this process by a moment: it hears of each process group that begins and ends, and when
// we are gone, however we went, kills the groups that have not ended. Thread-safe.
class Guard {
 public:
  // Forks; children made later must not inherit its socket (it closes on exec).
  static Result<std::shared_ptr<Guard>> open();
  // Kills the groups that have not ended.
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // A forked child that leads a group tells the guard itself, before it runs its program: send_begin is safe there.
  int socket() const { return socket_.get(); }
  static void send_begin(int socket, pid_t group) noexcept;
  // Before the group's leader is reaped, while its number cannot be given to another.
  void end(pid_t group) noexcept;

 private:
  Guard(Fd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  Fd socket_;
  pid_t pid_;
};

}  // namespace millrace::proc
