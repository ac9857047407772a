#include "replicas/follower.h"

#include <algorithm>
#include <charconv>

#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"

namespace millrace::replicas {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPatience = std::chrono::seconds(10);  // then it asks again who may ask
// What could not be taken over is tried again, ever more slowly.
constexpr Duration kFirstRetry = std::chrono::seconds(1), kLongestRetry = std::chrono::minutes(1);
constexpr std::string_view kStateFile = "state.json", kCallersFile = "callers.json";

}  // namespace

Result<std::unique_ptr<Follower>> Follower::open(Parts parts) {
  std::unique_ptr<Follower> follower(new Follower(std::move(parts)));
  Follower& made = *follower;
  made.files_.emplace(TRY(Upstream::open(made.parts_.server, made.stop_.get_token())));
  const auto fetch = [&made](const ModelFile& file, std::uint64_t offset, std::size_t most) {
    return made.files_->read_file(file.sha256, offset, most);
  };
  made.cache_.emplace(TRY(ModelCache::open(made.parts_.home / "models", fetch)));
  made.mirror_.emplace(Mirror::Parts{made.parts_.registry, made.parts_.routes, made.parts_.compositions,
                                     made.parts_.endpoints, made.parts_.features, *made.cache_});
  return follower;
}

Follower::~Follower() { stop(); }

void Follower::start() {
  restore();
  thread_ = std::jthread([this] { run(stop_.get_token()); });
}

void Follower::stop() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
}

FollowerStatus Follower::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

// What was taken over before the process ended. Its models are on the disk already.
void Follower::restore() {
  restore_callers();
  const auto text = read_file(parts_.home / kStateFile);
  if (!text) return;
  auto state = parse_state(*text);
  if (!state) return log::warn("what was served before is not served", {{"error", state.error().message}});
  log::info("serving what the server said last", {{"generation", std::to_string(state->generation)}});
  state_ = std::move(*state);
  etag_ = etag_of(*text);
  take_over(*state_);
}

void Follower::restore_callers() {
  auto text = read_file(parts_.home / kCallersFile);
  if (!text) return;
  const auto callers = parse_callers(*text);
  const auto set = callers ? parts_.set_callers(*callers) : std::unexpected(callers.error());
  if (!set) return log::warn("who may ask is not known", {{"error", set.error().message}});
  callers_ = std::move(*text);
}

void Follower::run(const std::stop_token& stop) {
  auto server = Upstream::open(parts_.server, stop);
  while (server && !stop.stop_requested()) {
    const auto asked = ask(*server);
    if (stop.stop_requested()) return;
    set_connected(asked);
    if (!asked) pause(wait_after(++failures_, chance()), stop);
    if (asked) failures_ = 0;
  }
}

// Waits for the next state and takes it over; what could not be taken over is tried again.
Result<void> Follower::ask(Upstream& server) {
  TRY(ask_callers(server));
  const auto text = TRY(server.next_state(etag_, retry_ ? std::min(kPatience, *retry_) : kPatience));
  if (text) return take(*text);
  if (retry_ && Steady::now() - taken_at_ >= *retry_) take_over(*state_);
  return {};
}

// Before anything is served that they could ask for.
Result<void> Follower::ask_callers(Upstream& server) {
  std::string text = TRY(server.callers());
  if (text == callers_) return {};
  TRY(parts_.set_callers(TRY(parse_callers(text))));
  const auto file = parts_.home / kCallersFile;
  TRY(write_file(file, text));
  std::error_code error;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, error);
  callers_ = std::move(text);
  return {};
}

// A state that is malformed is refused as a whole.
Result<void> Follower::take(const std::string& text) {
  state_ = TRY(parse_state(text));
  etag_ = etag_of(text);
  retry_.reset();
  take_over(*state_);
  return write_file(parts_.home / kStateFile, text);
}

void Follower::take_over(const NumberedState& numbered) {
  parts_.set_event_time(numbered.state.event_time);
  auto problems = mirror_->take(numbered.state);
  const auto before = status();
  for (const Problem& problem : problems) {
    if (std::ranges::find(before.problems, problem) == before.problems.end())
      log::error("an endpoint cannot be served", {{"endpoint", problem.endpoint}, {"problem", problem.message}});
  }
  if (before.generation != numbered.generation)
    log::info("serving a new state",
              {{"generation", std::to_string(numbered.generation)}, {"problems", std::to_string(problems.size())}});
  parts_.metrics.gauge("millrace_replica_generation", "The serving state that was taken over last.")
      .set(static_cast<double>(numbered.generation));
  parts_.metrics.gauge("millrace_replica_problems", "Endpoints that are not what the serving state says.")
      .set(static_cast<double>(problems.size()));
  taken_at_ = Steady::now();
  retry_ = problems.empty() ? std::nullopt : std::optional(retry_ ? std::min(*retry_ * 2, kLongestRetry) : kFirstRetry);
  {
    const std::scoped_lock lock(mutex_);
    status_.generation = numbered.generation;
    status_.complete |= problems.empty();
    status_.problems = std::move(problems);
  }
  note();
}

void Follower::set_connected(const Result<void>& asked) {
  parts_.metrics.gauge("millrace_replica_connected", "Whether the server answered the last time.").set(asked ? 1 : 0);
  std::string trouble = asked ? "" : asked.error().message;
  bool changed = false;
  {
    const std::scoped_lock lock(mutex_);
    changed = status_.connected != asked.has_value() || status_.trouble != trouble;
    status_.connected = asked.has_value();
    status_.trouble = trouble;
  }
  if (!changed) return;
  if (asked) log::info("following the server", {{"server", parts_.server.url}});
  if (!asked) log::warn("the server's state cannot be followed", {{"server", parts_.server.url}, {"error", trouble}});
  note();
}

void Follower::note() {
  if (parts_.on_change) parts_.on_change();
}

void Follower::pause(Duration time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop, time, [] { return false; });
}

double Follower::chance() const {
  const std::string id = parts_.ids.next();
  std::uint32_t drawn = 0;
  std::from_chars(id.data(), id.data() + 8, drawn, 16);
  return drawn / 4294967296.0;
}

}  // namespace millrace::replicas
