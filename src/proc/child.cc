#include "proc/child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "proc/child_state.h"

namespace millrace::proc {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kSampleInterval(200);

Duration duration_of(const timeval& time) { return std::chrono::seconds(time.tv_sec) + Duration(time.tv_usec); }

// VmHWM of /proc/PID/status, in bytes; 0 where the process has ended.
std::int64_t resident_peak(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

void sample(ChildState& child) {
  const auto peak = resident_peak(child.pid);
  const std::lock_guard lock(child.mutex);
  child.seen_peak_rss = std::max(child.seen_peak_rss, peak);
}

Exit make_exit(int status, const rusage& usage, const ChildState& child) {
  const auto counted = std::int64_t{usage.ru_maxrss} * 1024;
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
          .peak_rss_bytes = counted > child.baseline_rss ? counted : child.seen_peak_rss,
          .cpu_time = duration_of(usage.ru_utime) + duration_of(usage.ru_stime)};
}

// The leader has ended but is not reaped, so its number still names this group and no other.
Exit reap(ChildState& child) {
  const std::lock_guard lock(child.mutex);
  if (child.exit) return *child.exit;
  ::kill(-child.pid, SIGKILL);
  if (child.guard) child.guard->end(child.pid);
  int status = 0;
  rusage usage{};
  while (::wait4(child.pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  child.exit = make_exit(status, usage, child);
  return *child.exit;
}

// True once the child has ended.
bool ended_within(ChildState& child, milliseconds timeout) {
  pollfd wait{child.pidfd.get(), POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(timeout.count())) > 0;
}

bool is_reaped(ChildState& child) {
  const std::lock_guard lock(child.mutex);
  return child.exit.has_value();
}

Exit finish(ChildState& child) {
  auto exit = reap(child);
  if (child.output) child.output->finish();
  return exit;
}

}  // namespace

std::string describe(const Exit& exit) {
  if (exit.signal == 0) return fmt::format("exit status {}", exit.status);
  return fmt::format("killed by signal {} ({})", exit.signal, ::strsignal(exit.signal));
}

Child::Child(std::unique_ptr<ChildState> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;

Child& Child::operator=(Child&& other) noexcept {
  Child old(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

Child::~Child() {
  if (state_ && state_->guard) terminate(Duration{0});
}

pid_t Child::pid() const { return state_->pid; }

Exit Child::wait() {
  while (true) {
    if (auto exit = wait_for(std::chrono::hours(1))) return *exit;
  }
}

std::optional<Exit> Child::wait_for(Duration timeout) {
  const auto deadline = Steady::now() + timeout;
  while (!is_reaped(*state_)) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if (ended_within(*state_, std::clamp(left, milliseconds(0), kSampleInterval))) break;
    sample(*state_);
    if (Steady::now() >= deadline) return std::nullopt;
  }
  return finish(*state_);
}

Exit Child::terminate(Duration grace) {
  if (grace > Duration{0}) {
    signal(SIGTERM);
    if (auto exit = wait_for(grace)) return *exit;
  }
  signal(SIGKILL);
  return wait();
}

void Child::signal(int number) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->exit) ::kill(-state_->pid, number);
}

}  // namespace millrace::proc
