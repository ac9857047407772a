#include "jobs/local_queue.h"

#include <exception>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "jobs/log_file.h"
#include "jobs/retry.h"

namespace millrace::jobs {
namespace {

// How long a full disk or the like is waited for before a write is tried again.
constexpr Duration kPause = std::chrono::seconds(1);
constexpr auto kPatience = std::chrono::hours(1);

// What becomes of the job; one that was cancelled while its attempt ended is not tried again.
Decision decision_now(const Job& job, const AttemptResult& attempt, const std::atomic<Request>& request) {
  const Decision decision = decide(job.spec.retry, job.failures, attempt.outcome);
  if (decision.status == Status::kQueued && request.load() == Request::kCancel) return {Status::kCancelled, {}};
  return decision;
}

}  // namespace

Result<std::unique_ptr<Queue>> Queue::open(db::Database& database, const Clock& wall_clock, QueueOptions options) {
  TRY(make_directories(options.log_directory));
  JobStore store = TRY(JobStore::open(database));
  return std::make_unique<LocalQueue>(store, TRY(proc::Spawner::open()), wall_clock, std::move(options));
}

LocalQueue::LocalQueue(JobStore store, std::unique_ptr<proc::Spawner> spawner, const Clock& clock, QueueOptions options)
    : store_(store), spawner_(std::move(spawner)), clock_(clock), options_(std::move(options)) {}

LocalQueue::~LocalQueue() { stop(); }

void LocalQueue::handle(std::string kind, Hooks hooks) { hooks_[std::move(kind)] = std::move(hooks); }

Result<void> LocalQueue::start() {
  TRY(recover());
  const std::scoped_lock lock(mutex_);
  stopping_ = false;
  for (int i = 0; i < options_.concurrency; ++i) threads_.emplace_back([this] { work(); });
  return {};
}

// What the table calls running died with the server that ran it.
Result<void> LocalQueue::recover() {
  for (const Job& job : TRY(store_.running())) {
    const bool cancelled = TRY(store_.cancel_requested(job.id));
    const AttemptResult attempt{.outcome = cancelled ? Outcome::kCancelled : Outcome::kInterrupted,
                                .error = cancelled ? "cancelled" : "the server ended"};
    const Decision decision = decide(job.spec.retry, job.failures, attempt.outcome);
    tell(TRY(store_.finish_attempt(job, attempt, decision, "", clock_.now())));
  }
  return {};
}

void LocalQueue::stop() {
  std::vector<std::jthread> threads;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (auto& [id, request] : running_) request->store(Request::kStop);
    threads.swap(threads_);
  }
  changed_.notify_all();
}

Result<Job> LocalQueue::submit(const JobSpec& spec) {
  if (spec.command.argv.empty()) return invalid_argument("job {} has no command", spec.key);
  Job job = TRY(store_.insert(spec, clock_.now()));
  {
    const std::scoped_lock lock(mutex_);  // so that a thread about to wait has not looked before the insert
  }
  changed_.notify_one();
  return job;
}

Result<void> LocalQueue::cancel(JobId id) {
  Job cancelled;
  {
    const std::scoped_lock lock(mutex_);
    const Job job = TRY(find_job(id));
    if (is_finished(job.status)) return {};
    if (job.status == Status::kRunning) {
      TRY(store_.request_cancel(id));
      if (const auto running = running_.find(id); running != running_.end()) running->second->store(Request::kCancel);
      return {};
    }
    cancelled = TRY(store_.cancel_queued(id, clock_.now()));
  }
  tell(cancelled);
  return {};
}

Result<Job> LocalQueue::find_job(JobId id) {
  auto job = TRY(store_.find(id));
  if (!job) return not_found("job {} does not exist", id);
  return std::move(*job);
}

Result<std::optional<Job>> LocalQueue::find_by_key(const std::string& key) { return store_.find_by_key(key); }

Result<Page<Job>> LocalQueue::list_jobs(const JobFilter& filter, const PageRequest& page) {
  return store_.list(filter, page);
}

Result<std::vector<Attempt>> LocalQueue::list_attempts(JobId id) {
  TRY(find_job(id));
  return store_.attempts(id);
}

Result<LogChunk> LocalQueue::read_log(JobId id, std::int64_t offset, std::optional<int> attempt) {
  const Job job = TRY(find_job(id));
  const int number = attempt.value_or(job.attempts);
  if (attempt && (number < 1 || number > job.attempts)) return not_found("job {} has no attempt {}", id, number);
  LogChunk chunk{.bytes = TRY(read_log_part(log_path(id, number), offset))};
  chunk.next = offset + static_cast<std::int64_t>(chunk.bytes.size());
  chunk.complete =
      (is_finished(job.status) || number < job.attempts) && static_cast<std::int64_t>(chunk.bytes.size()) < kLogChunk;
  return chunk;
}

void LocalQueue::work() {
  std::shared_ptr<std::atomic<Request>> request;
  while (const auto job = next_job(request)) {
    run(*job, *request);
  }
}

// Blocks until there is a job to run; nothing once the queue stops.
std::optional<Job> LocalQueue::next_job(std::shared_ptr<std::atomic<Request>>& request) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    auto job =
        store_.claim(clock_.now(), [this](const Job& j) { return "file://" + log_path(j.id, j.attempts).string(); });
    if (job && *job) {
      request = std::make_shared<std::atomic<Request>>(Request::kNone);
      running_[(*job)->id] = request;
      return std::move(**job);
    }
    if (!job) log::error("cannot take a job from the queue", {{"error", job.error().message}});
    wait_for_job(lock);
  }
  return std::nullopt;
}

void LocalQueue::wait_for_job(std::unique_lock<std::mutex>& lock) {
  const Timestamp now = clock_.now();
  const auto due = store_.next_due(now);
  if (due && !*due) {
    changed_.wait(lock);
  } else {
    // Looks again at least every second: the clock of a queue need not run as this machine's does.
    changed_.wait_for(lock, due ? std::min(**due - now, kPause) : kPause);
  }
}

void LocalQueue::run(const Job& job, const std::atomic<Request>& request) {
  AttemptResult ended;
  std::string result;
  try {
    ended = attempt(job, request, result);
  } catch (const std::exception& e) {
    ended = failed_attempt(fmt::format("internal error: {}", e.what()));
  }
  if (ended.outcome == Outcome::kInterrupted) {  // its row stays as it is, for the next start
    release(job.id);
    return;
  }
  if (!ended.error.empty() && !ended.exit_code && !ended.signal) {
    append_log_line(log_path(job.id, job.attempts), ended.error);
  }
  finish(job, ended, result, request);
}

// Asks again while what `ask` needs, the database say, is away; not for ever.
template <typename Ask>
std::invoke_result_t<Ask> LocalQueue::patiently(Ask ask) {
  for (const auto until = std::chrono::steady_clock::now() + kPatience;;) {
    auto answer = ask();
    if (answer || answer.error().code != Code::kUnavailable) return answer;
    std::unique_lock lock(mutex_);
    if (stopping_ || std::chrono::steady_clock::now() >= until) return answer;
    changed_.wait_for(lock, kPause);
  }
}

AttemptResult LocalQueue::attempt(const Job& job, const std::atomic<Request>& request, std::string& result) {
  const std::filesystem::path log = log_path(job.id, job.attempts);
  const auto command = patiently([&] { return prepare(job); });
  if (!command) return failed_attempt(command.error().message);

  AttemptResult ended =
      run_attempt(*spawner_, *command, log, {.timeout = job.spec.timeout, .kill_grace = options_.kill_grace}, request);
  if (ended.outcome != Outcome::kSucceeded || !hooks(job).collect) return ended;

  auto collected = patiently([&] { return hooks(job).collect(job); });
  if (!collected) {
    append_log_line(log, collected.error().message);
    ended.outcome = Outcome::kFailed;
    ended.error = collected.error().message;
  } else {
    result = std::move(*collected);
  }
  return ended;
}

Result<Command> LocalQueue::prepare(const Job& job) {
  TRY(make_directories(log_path(job.id, job.attempts).parent_path()));
  Command command = job.spec.command;
  if (hooks(job).prepare) TRY(hooks(job).prepare(job, command));
  return command;
}

// Under the lock, so that a cancellation meets either an attempt that runs or a job that waits.
void LocalQueue::finish(const Job& job, const AttemptResult& attempt, const std::string& result,
                        const std::atomic<Request>& request) {
  std::unique_lock lock(mutex_);
  auto finished = store_.finish_attempt(job, attempt, decision_now(job, attempt, request), result, clock_.now());
  while (!finished && !stopping_) {
    log::error("cannot record the end of a job", {{"job", job.spec.key}, {"error", finished.error().message}});
    changed_.wait_for(lock, kPause);
    finished = store_.finish_attempt(job, attempt, decision_now(job, attempt, request), result, clock_.now());
  }
  running_.erase(job.id);
  lock.unlock();
  changed_.notify_all();
  if (finished) tell(*finished);  // else it will run again after the next start
}

void LocalQueue::release(JobId id) {
  {
    const std::scoped_lock lock(mutex_);
    running_.erase(id);
  }
  changed_.notify_all();
}

void LocalQueue::tell(const Job& job) {
  if (is_finished(job.status) && hooks(job).finished) hooks(job).finished(job);
}

const Hooks& LocalQueue::hooks(const Job& job) const {
  static const Hooks kNone;
  const auto found = hooks_.find(job.spec.kind);
  return found == hooks_.end() ? kNone : found->second;
}

std::filesystem::path LocalQueue::log_path(JobId id, int attempt) const {
  return std::filesystem::absolute(options_.log_directory) / std::to_string(id) / fmt::format("{}.log", attempt);
}

}  // namespace millrace::jobs
