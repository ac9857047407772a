#include "load.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include "base/fd.h"

namespace millrace::bench {
namespace {

using Steady = std::chrono::steady_clock;
using Moment = Steady::time_point;
using std::chrono::nanoseconds;

constexpr std::size_t kPiece = 64 << 10;
constexpr auto kPatience = std::chrono::seconds(20);  // for what is unanswered at the end
constexpr auto kNever = std::chrono::hours(1);

nanoseconds of_seconds(double seconds) { return nanoseconds(static_cast<std::int64_t>(seconds * 1e9)); }

std::uint32_t since(Moment begun, Moment now) {
  const auto passed = std::chrono::duration_cast<nanoseconds>(now - begun).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(passed, 0, UINT32_MAX));
}

Result<Fd> connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return unavailable("cannot connect to port {}: {}", port, std::strerror(errno));
  const int one = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return socket;
}

struct Connection {
  Fd socket;
  std::unique_ptr<Dialog> dialog;
  bool busy = false;
  bool counts = false;  // what is under way was due in the time that counts
  Moment due;           // of what is under way
  Moment free_since;
  std::string unsent;
};

// One thread with its share of the connections and of the rate.
class Worker {
 public:
  Worker(const LoadPlan& plan, const Script& script, int number)
      : plan_(plan),
        script_(script),
        connections_(share(number)),
        between_(plan.rate / plan.threads),
        random_(static_cast<std::uint64_t>(number) + 1),
        next_(static_cast<std::size_t>(number) * 7) {}

  Result<void> open();
  void run();
  LoadReport report;

 private:
  std::size_t share(int number) const {
    const int mine = plan_.connections / plan_.threads + (number < plan_.connections % plan_.threads ? 1 : 0);
    return static_cast<std::size_t>(mine);
  }
  bool open_loop() const { return plan_.rate > 0; }

  Result<void> connect(Connection& connection);
  void ask_what_is_due();
  void ask(Connection& connection, Moment due);
  void write(Connection& connection, std::string_view bytes);
  void wait(Moment until);
  void on_events(Connection& connection, std::uint32_t events);
  void receive(Connection& connection);
  void finish(Connection& connection, Dialog::Step step);
  void fail(Connection& connection, std::string_view why);
  void close(Connection& connection);

  const LoadPlan& plan_;
  const Script& script_;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;
  std::exponential_distribution<double> between_;
  std::mt19937_64 random_;
  std::size_t next_;
  std::size_t under_way_ = 0;
  Fd epoll_;
  Moment begin_, end_, next_due_;
  std::array<char, kPiece> piece_;
};

Result<void> Worker::open() {
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  for (auto& connection : connections_) {
    TRY(connect(connection));
    free_.push_back(&connection);
  }
  return {};
}

Result<void> Worker::connect(Connection& connection) {
  connection.socket = TRY(connect_to(plan_.port));
  connection.dialog = script_.begin();
  ::fcntl(connection.socket.get(), F_SETFL, O_NONBLOCK);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.socket.get(), &event);
  write(connection, connection.dialog->greeting());
  return {};
}

void Worker::run() {
  ::prctl(PR_SET_TIMERSLACK, 1);
  const Moment start = next_due_ = Steady::now();
  begin_ = start + of_seconds(plan_.warm_up);
  end_ = begin_ + of_seconds(plan_.seconds);
  for (Moment now = start; now < end_; now = Steady::now()) {
    ask_what_is_due();
    wait(open_loop() && !free_.empty() ? std::min(next_due_, end_) : end_);
  }
  while (under_way_ > 0 && Steady::now() < end_ + kPatience) wait(end_ + kPatience);
  report.failures += under_way_;
  if (under_way_ > 0 && report.first_failure.empty()) report.first_failure = "no answer";
  report.seconds = plan_.seconds;
}

void Worker::ask_what_is_due() {
  while (!free_.empty()) {
    const Moment now = Steady::now();
    if (now >= end_ || (open_loop() && next_due_ > now)) return;
    Connection& connection = *free_.front();
    free_.pop_front();
    const Moment due = open_loop() ? next_due_ : now;
    if (open_loop()) {
      next_due_ += of_seconds(between_(random_));
      if (connection.free_since <= due && due >= begin_) report.late_ns.push_back(since(due, now));
    }
    ask(connection, due);
  }
}

void Worker::ask(Connection& connection, Moment due) {
  connection.busy = true;
  connection.due = due;
  connection.counts = due >= begin_;
  ++under_way_;
  ++report.sent;
  if (!connection.socket) {
    if (const auto connected = connect(connection); !connected) return fail(connection, connected.error().message);
  }
  write(connection, connection.dialog->ask(next_++ % script_.requests()));
}

void Worker::write(Connection& connection, std::string_view bytes) {
  if (!connection.unsent.empty()) {
    connection.unsent += bytes;
    return;
  }
  if (bytes.empty()) return;
  const auto count = ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) return fail(connection, std::strerror(errno));
  const auto sent = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  if (sent == bytes.size()) return;
  connection.unsent = bytes.substr(sent);
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
}

void Worker::wait(Moment until) {
  const auto left = std::clamp<nanoseconds>(until - Steady::now(), nanoseconds(0), kNever);
  const timespec timeout{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
  std::array<epoll_event, 64> events;
  const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    on_events(*static_cast<Connection*>(event.data.ptr), event.events);
    if (open_loop()) ask_what_is_due();
  }
}

void Worker::on_events(Connection& connection, std::uint32_t events) {
  if (!connection.socket) return;
  if ((events & EPOLLOUT) != 0) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
    write(connection, std::exchange(connection.unsent, {}));
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(connection);
}

void Worker::receive(Connection& connection) {
  const auto count = ::recv(connection.socket.get(), piece_.data(), piece_.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) {
    if (connection.busy) return fail(connection, "the connection was lost before the answer");
    return close(connection);
  }
  std::string reply;
  const auto step = connection.dialog->take({piece_.data(), static_cast<std::size_t>(count)}, reply);
  write(connection, reply);
  if (connection.busy && step != Dialog::Step::kNeedMore) finish(connection, step);
}

void Worker::finish(Connection& connection, Dialog::Step step) {
  if (step == Dialog::Step::kFailed) return fail(connection, connection.dialog->answer());
  const Moment now = Steady::now();
  if (connection.counts) report.latencies_ns.push_back(since(connection.due, now));
  if (now >= begin_ && now < end_) ++report.answers;
  connection.busy = false;
  connection.free_since = now;
  --under_way_;
  if (open_loop() || now >= end_) return free_.push_back(&connection);
  ask(connection, now);
}

void Worker::fail(Connection& connection, std::string_view why) {
  if (report.failures++ == 0) report.first_failure = why.substr(0, 400);
  close(connection);
  if (!connection.busy) return;
  connection.busy = false;
  connection.free_since = Steady::now();
  --under_way_;
  free_.push_back(&connection);
}

void Worker::close(Connection& connection) {
  connection.socket.reset();
  connection.unsent.clear();
}

void add(LoadReport& all, const LoadReport& part) {
  all.latencies_ns.insert(all.latencies_ns.end(), part.latencies_ns.begin(), part.latencies_ns.end());
  all.late_ns.insert(all.late_ns.end(), part.late_ns.begin(), part.late_ns.end());
  all.answers += part.answers;
  all.sent += part.sent;
  all.failures += part.failures;
  all.seconds = part.seconds;
  if (all.first_failure.empty()) all.first_failure = part.first_failure;
}

Result<std::string> ask_one(const Fd& socket, Dialog& dialog, std::string outgoing) {
  std::array<char, 4096> piece;
  auto step = Dialog::Step::kNeedMore;
  while (step == Dialog::Step::kNeedMore) {
    if (!outgoing.empty() && ::send(socket.get(), outgoing.data(), outgoing.size(), MSG_NOSIGNAL) < 0)
      return unavailable("cannot send: {}", std::strerror(errno));
    const auto count = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (count <= 0) return unavailable("the connection was lost before the answer");
    outgoing.clear();
    step = dialog.take({piece.data(), static_cast<std::size_t>(count)}, outgoing);
  }
  if (step == Dialog::Step::kFailed) return internal_error("refused: {}", dialog.answer());
  return std::string(dialog.answer());
}

}  // namespace

Result<LoadReport> run_load(const LoadPlan& plan, const Script& script) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < plan.threads; ++i) {
    workers.push_back(std::make_unique<Worker>(plan, script, i));
    TRY(workers.back()->open());
  }
  {
    std::vector<std::jthread> threads;
    for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  }
  LoadReport all;
  for (const auto& worker : workers) add(all, worker->report);
  return all;
}

Result<std::vector<std::string>> ask_once(std::uint16_t port, const Script& script) {
  const Fd socket = TRY(connect_to(port));
  const auto dialog = script.begin();
  std::vector<std::string> answers;
  std::string greeting(dialog->greeting());
  for (std::size_t i = 0; i < script.requests(); ++i) {
    answers.push_back(TRY(ask_one(socket, *dialog, std::exchange(greeting, {}) + std::string(dialog->ask(i)))));
  }
  return answers;
}

}  // namespace millrace::bench
