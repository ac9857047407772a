#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "proc/child.h"

namespace millrace::proc {

// What to start. No descriptor of this process is passed on but the standard ones.
struct Command {
  std::vector<std::string> argv;                         // argv[0] is looked up in PATH unless it has a slash
  std::vector<std::pair<std::string, std::string>> env;  // added to this process's environment
  std::filesystem::path cwd;                             // empty: this process's
  // Where standard output and error go: appended to a file, or given piece by piece to a function (on a thread of its
  // own, never two at once), or, with neither, to this process's own.
  std::filesystem::path output_file;
  std::function<void(std::string_view)> on_output;
  int standard_input = -1;  // the caller's, who may close it once the program runs; -1: /dev/null
  bool die_with_parent = true;
};

// Starts processes. They die with this process, however it ends, and so do their own children as long as these
// stay in the process group: the kernel kills the child (PR_SET_PDEATHSIG), and a guard process, a small shell that
// reads a pipe from us, kills the groups when the pipe closes. Since PR_SET_PDEATHSIG fires when the thread that forked
// ends, a thread of the spawner does all the forking: **children that die with their parent also die with their
// spawner.** Thread-safe. Do not ignore SIGCHLD in a process that has a spawner.
class Spawner {
 public:
  static Result<std::unique_ptr<Spawner>> open();
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Returns once the program runs. kNotFound, kPermissionDenied, ...: `cannot start "foo": no such file or directory`,
  // `cannot start "foo" in /nowhere: no such file or directory`.
  Result<Child> spawn(Command command);

 private:
  struct State;
  explicit Spawner(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::proc
