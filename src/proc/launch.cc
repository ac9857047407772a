#include "proc/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "base/fd.h"
#include "proc/guard.h"

namespace millrace::proc {
namespace {

// What a child writes when it cannot run its program.
struct Failure {
  int error = 0;
  bool in_cwd = false;
};

// Signals are held back across the fork, so that none of our handlers runs in the child, which shares our memory.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

[[noreturn]] void give_up(int failure_pipe, bool in_cwd) {
  const Failure failure{errno, in_cwd};
  [[maybe_unused]] const auto written = ::write(failure_pipe, &failure, sizeof failure);
  ::_exit(127);
}

void restore_signals() {
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGUSR2}) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The death signal is asked for first and the parent looked at second: had the parent died in between, no signal would
// come.
void tie_to_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
}

// Only system calls from here to the program.
[[noreturn]] void run_child(const Launch& launch, pid_t parent, int failure_pipe) {
  ::setpgid(0, 0);
  if (launch.die_with_thread) tie_to_parent(parent);
  if (launch.guard_socket >= 0) Guard::send_begin(launch.guard_socket, ::getpid());
  if (launch.cwd != nullptr && ::chdir(launch.cwd) != 0) give_up(failure_pipe, true);
  if (launch.standard_input >= 0 && ::dup2(launch.standard_input, STDIN_FILENO) < 0) give_up(failure_pipe, false);
  if (launch.output >= 0) {
    if (::dup2(launch.output, STDOUT_FILENO) < 0 || ::dup2(launch.output, STDERR_FILENO) < 0)
      give_up(failure_pipe, false);
  }
  ::close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  restore_signals();
  ::execvpe(launch.program, const_cast<char* const*>(launch.argv), launch.envp);
  give_up(failure_pipe, false);
}

// Empty where the program runs: the pipe closed without a word.
Failure read_failure(int pipe) {
  Failure failure;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof failure) ? failure : Failure{};
}

Code code_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return Code::kNotFound;
  if (error == EACCES || error == EPERM) return Code::kPermissionDenied;
  if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE) return Code::kResourceExhausted;
  return Code::kInvalidArgument;
}

}  // namespace

std::unexpected<Error> launch_error(std::string_view program, std::string_view cwd, int error) {
  std::string reason = std::strerror(error);
  reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  const auto place = cwd.empty() ? std::string() : fmt::format(" in {}", cwd);
  return fail(code_of(error), "cannot start \"{}\"{}: {}", program, place, reason);
}

Result<pid_t> launch(const Launch& launch) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return launch_error(launch.program, "", errno);
  const Fd readable(ends[0]);
  Fd writable(ends[1]);
  const auto parent = ::getpid();
  pid_t pid = -1;
  {
    const SignalsHeld held;
    pid = ::vfork();
    if (pid == 0) run_child(launch, parent, writable.get());
  }
  if (pid < 0) return launch_error(launch.program, "", errno);
  writable.reset();
  const auto failure = read_failure(readable.get());
  if (failure.error == 0) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return launch_error(launch.program, failure.in_cwd ? launch.cwd : "", failure.error);
}

}  // namespace millrace::proc
