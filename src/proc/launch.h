#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/result.h"

namespace millrace::proc {

// What a forked child does before it runs its program. Everything is prepared by the parent, since the child may
// neither allocate nor lock.
struct Launch {
  const char* program = nullptr;  // looked up in PATH unless it has a slash
  const char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* cwd = nullptr;  // nullptr: the parent's
  int standard_input = -1;
  int output = -1;               // standard output and error; -1: the parent's
  bool die_with_thread = false;  // killed when the calling thread ends
  int guard_socket = -1;         // where the group is announced
};

// Forks (vfork: no page tables are copied, so it is cheap however large this process is) and returns once the program
// runs, as leader of its own process group. The errors are launch_error's.
Result<pid_t> launch(const Launch& launch);

// `cannot start "foo" in /dir: no such file or directory`; without "in" where `cwd` is empty.
std::unexpected<Error> launch_error(std::string_view program, std::string_view cwd, int error);

}  // namespace millrace::proc
