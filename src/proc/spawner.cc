#include "proc/spawner.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <future>
#include <optional>

#include "base/fd.h"
#include "base/files.h"
#include "base/thread_pool.h"
#include "proc/child_state.h"
#include "proc/guard.h"
#include "proc/launch.h"
#include "proc/pidfd.h"

namespace millrace::proc {
namespace {

// The environment of a child: ours, with additions in front of what they replace.
class Environment {
 public:
  explicit Environment(const std::vector<std::pair<std::string, std::string>>& added) {
    for (const auto& [name, value] : added) owned_.push_back(name + "=" + value);
    for (auto& entry : owned_) pointers_.push_back(entry.data());
    for (char** at = environ; *at != nullptr; ++at) {
      if (!replaced(*at, added)) pointers_.push_back(*at);
    }
    pointers_.push_back(nullptr);
  }
  char* const* get() const { return pointers_.data(); }

 private:
  static bool replaced(std::string_view entry, const std::vector<std::pair<std::string, std::string>>& added) {
    const auto name = entry.substr(0, entry.find('='));
    for (const auto& [added_name, value] : added) {
      if (added_name == name) return true;
    }
    return false;
  }

  std::vector<std::string> owned_;
  std::vector<char*> pointers_;
};

// Where a child's output goes, and our end of it.
struct Output {
  Fd for_child;
  Fd for_us;
};

Result<Output> open_output(const Command& command) {
  if (command.on_output) {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return launch_error(command.argv.front(), "", errno);
    return Output{.for_child = Fd(ends[1]), .for_us = Fd(ends[0])};
  }
  if (command.output_file.empty()) return Output{};
  Fd file(::open(command.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) return std::unexpected(errno_error("open", command.output_file));
  return Output{.for_child = std::move(file), .for_us = Fd()};
}

std::int64_t own_peak_rss() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace

struct Spawner::State {
  std::shared_ptr<Guard> guard;
  ThreadPool thread{1};  // does all the forking, see the class

  Result<pid_t> launch_on_thread(const Launch& launch) {
    std::promise<Result<pid_t>> done;
    thread.post([&] { done.set_value(proc::launch(launch)); });
    return done.get_future().get();
  }
};

Spawner::Spawner(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spawner::~Spawner() = default;

Result<std::unique_ptr<Spawner>> Spawner::open() {
  auto state = std::make_unique<State>();
  state->guard = TRY(Guard::open());
  return std::unique_ptr<Spawner>(new Spawner(std::move(state)));
}

Result<Child> Spawner::spawn(Command command) {
  if (command.argv.empty()) return invalid_argument("a command needs a program");
  std::vector<const char*> argv;
  for (const auto& argument : command.argv) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  const Environment environment(command.env);
  auto output = TRY(open_output(command));
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));

  auto child = std::make_unique<ChildState>();
  child->pid = TRY(
      state_->launch_on_thread({.program = argv.front(),
                                .argv = argv.data(),
                                .envp = environment.get(),
                                .cwd = command.cwd.empty() ? nullptr : command.cwd.c_str(),
                                .standard_input = command.standard_input >= 0 ? command.standard_input : nothing.get(),
                                .output = output.for_child.get(),
                                .die_with_thread = command.die_with_parent,
                                .guard_socket = command.die_with_parent ? state_->guard->socket() : -1}));
  child->baseline_rss = own_peak_rss();
  if (command.die_with_parent) child->guard = state_->guard;
  child->pidfd = open_pidfd(child->pid);
  output.for_child.reset();
  if (command.on_output) {
    child->output = std::make_unique<OutputReader>(std::move(output.for_us), std::move(command.on_output));
  }
  return Child(std::move(child));
}

}  // namespace millrace::proc
