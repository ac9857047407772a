#include "serving/runtimes/python_worker.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "base/bytes.h"
#include "base/log.h"

namespace millrace::serving {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kLook(50);  // how often a worker that scores is looked at
constexpr std::size_t kLongestLine = 2000;
constexpr std::size_t kMostHandshake = 200;
constexpr auto kLastWords = std::chrono::seconds(2);

// The interpreter itself cannot be found, or may not be run.
std::unexpected<Error> no_interpreter(const WorkerSettings& settings, const Error& error) {
  if (!settings.environment.empty()) {
    return failed_precondition("{}; {} is no virtual environment that can be used", error.message,
                               settings.environment.string());
  }
  return failed_precondition("{}; name a Python interpreter with --python, or the endpoint's environment",
                             error.message);
}

std::string python_path(const WorkerSettings& settings) {
  const char* inherited = std::getenv("PYTHONPATH");
  if (inherited == nullptr || *inherited == '\0') return settings.library.string();
  return fmt::format("{}:{}", settings.library.string(), inherited);
}

std::vector<std::pair<std::string, std::string>> environment_of(const WorkerSettings& settings) {
  std::vector<std::pair<std::string, std::string>> variables = {{"PYTHONPATH", python_path(settings)},
                                                                {"PYTHONUNBUFFERED", "1"},
                                                                {"PYTHONDONTWRITEBYTECODE", "1"},
                                                                {"OMP_WAIT_POLICY", "passive"}};
  if (!settings.environment.empty()) variables.emplace_back("VIRTUAL_ENV", settings.environment.string());
  return variables;
}

}  // namespace

class WorkerOutput {
 public:
  explicit WorkerOutput(std::string model) : model_(std::move(model)) {}

  void add(std::string_view piece) {
    const std::scoped_lock lock(mutex_);
    for (std::size_t at = 0; at < piece.size();) {
      const auto end = piece.find('\n', at);
      line_ += piece.substr(at, std::min(end, piece.size()) - at);
      at = std::min(end, piece.size()) + 1;
      if (end != std::string_view::npos || line_.size() > kLongestLine) end_line();
    }
  }
  // "" where it wrote nothing.
  std::string last_line() const {
    const std::scoped_lock lock(mutex_);
    return last_;
  }

 private:
  void end_line() {
    if (line_.empty()) return;
    log::info("a Python worker says", {{"model", model_}, {"line", line_}});
    last_ = std::exchange(line_, {});
  }

  const std::string model_;
  mutable std::mutex mutex_;
  std::string line_, last_;
};

PythonWorker::PythonWorker(WorkerSettings settings, proc::Child child, Fd socket, std::shared_ptr<WorkerOutput> output,
                           std::stop_token stop)
    : settings_(std::move(settings)),
      child_(std::move(child)),
      socket_(std::move(socket)),
      output_(std::move(output)),
      stop_(std::move(stop)) {}

PythonWorker::~PythonWorker() { child_.terminate(Duration{0}); }

Result<std::unique_ptr<PythonWorker>> PythonWorker::start(proc::Spawner& spawner, const WorkerSettings& settings,
                                                          std::stop_token stop) {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return unavailable("cannot make a socket for a Python worker: {}", std::strerror(errno));
  }
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  auto output = std::make_shared<WorkerOutput>(settings.model);
  auto child = spawner.spawn({.argv = {settings.interpreter, "-m", "millrace_worker"},
                              .env = environment_of(settings),
                              .cwd = "/",
                              .on_output = [output](std::string_view piece) { output->add(piece); },
                              .standard_input = theirs.get()});
  if (!child) return no_interpreter(settings, child.error());
  theirs.reset();  // the socket ends with the child
  std::unique_ptr<PythonWorker> worker(
      new PythonWorker(settings, std::move(*child), std::move(ours), std::move(output), std::move(stop)));
  TRY(worker->greet(Steady::now() + settings.start_timeout));
  return worker;
}

Result<void> PythonWorker::greet(Moment deadline) {
  std::string line;
  while (!line.ends_with('\n') && line.size() < kMostHandshake) {
    std::byte next{};
    TRY(receive({&next, 1}, deadline));
    line += static_cast<char>(next);
  }
  TRY(check_handshake(line.substr(0, line.size() - 1)));
  const auto id = ++last_id_;
  loaded_ = TRY(exchange(load_frame(id, settings_.folder, settings_.memory), id, deadline));
  return {};
}

std::int64_t PythonWorker::resident_bytes() const {
  std::ifstream file(fmt::format("/proc/{}/statm", pid()));
  std::int64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

Result<std::vector<Tensor>> PythonWorker::infer(std::span<const TensorView> inputs, Moment deadline) {
  const auto id = ++last_id_;
  return TRY(exchange(infer_frame(id, inputs), id, deadline)).tensors;
}

Result<void> PythonWorker::check(Moment deadline) {
  if (has_ended()) return ended();
  const auto id = ++last_id_;
  TRY(exchange(ping_frame(id), id, deadline));
  return check_memory();
}

void PythonWorker::kill() { child_.signal(SIGKILL); }

// What is wrong with the model's rows is the model's error; all else ends the worker.
Result<WorkerMessage> PythonWorker::exchange(std::string_view frame, std::int64_t id, Moment deadline) {
  TRY(send(frame, deadline));
  auto answered = receive_message(deadline);
  if (!answered && usable_) return give_up(std::move(answered.error()));
  WorkerMessage answer = TRY(std::move(answered));
  if (answer.id != id) {
    return give_up({Code::kDataLoss, fmt::format("the Python worker answered {} to {}", answer.id, id)});
  }
  if (answer.type == "error") return std::unexpected(std::move(answer.error));
  return answer;
}

Result<WorkerMessage> PythonWorker::receive_message(Moment deadline) {
  std::array<std::byte, kPrefixBytes> bytes;
  TRY(receive(bytes, deadline));
  const FramePrefix prefix = TRY(read_prefix(bytes));
  std::string header(prefix.header_bytes, '\0');
  TRY(receive(std::as_writable_bytes(std::span(header)), deadline));
  std::vector<std::byte> tensors(prefix.tensor_bytes);
  TRY(receive(tensors, deadline));
  return read_message(header, tensors);
}

Result<void> PythonWorker::send(std::string_view bytes, Moment deadline) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (sent >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return ended();
    TRY(wait_for_socket(POLLOUT, deadline));
  }
  return {};
}

Result<void> PythonWorker::receive(std::span<std::byte> into, Moment deadline) {
  while (!into.empty()) {
    const auto got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) into = into.subspan(static_cast<std::size_t>(got));
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got == 0 || errno != EAGAIN) return ended();
    TRY(wait_for_socket(POLLIN, deadline));
  }
  return {};
}

// Looks at the worker's memory meanwhile.
Result<void> PythonWorker::wait_for_socket(short events, Moment deadline) {
  pollfd wait{socket_.get(), events, 0};
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if (stop_.stop_requested()) return give_up({Code::kUnavailable, "the model is being unloaded"});
    if (left <= milliseconds(0)) {
      return give_up({Code::kDeadlineExceeded, "the model took longer than it may, and its Python worker was killed"});
    }
    if (::poll(&wait, 1, static_cast<int>(std::min(left, kLook).count())) > 0) return {};
    TRY(check_memory());
  }
}

Result<void> PythonWorker::check_memory() {
  if (settings_.memory == 0 || resident_bytes() <= settings_.memory) return {};
  return give_up(
      {Code::kUnavailable, fmt::format("the Python worker took more than the {} of memory that it may, and was "
                                       "killed",
                                       format_bytes(settings_.memory))});
}

std::unexpected<Error> PythonWorker::ended() {
  const auto waited = child_.wait_for(kLastWords);
  const auto exit = waited ? *waited : child_.terminate(Duration{0});
  const auto said = output_->last_line();
  return give_up({Code::kUnavailable, fmt::format("the Python worker has ended: {}{}{}", proc::describe(exit),
                                                  said.empty() ? "" : "; it said: ", said)});
}

std::unexpected<Error> PythonWorker::give_up(Error error) {
  usable_ = false;
  kill();
  problem_ = error.message;
  return std::unexpected(std::move(error));
}

}  // namespace millrace::serving
