#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "db/db.h"
#include "jobs/job.h"

namespace millrace::jobs {

// What a kind of job adds to running its command. All are called on the queue's threads and may be empty.
struct Hooks {
  // Before each attempt (job.attempts is its number); may change the command. An error fails the attempt.
  std::function<Result<void>(const Job& job, Command& command)> prepare;
  // After exit status 0: what to keep of the attempt as job.result, made durable together with the success. An error
  // fails the attempt. May be called again for a later attempt when the server dies before that.
  std::function<Result<std::string>(const Job& job)> collect;
  // Once the job's end is durable. Not repeated after a restart: whoever needs it looks at find_by_key then.
  std::function<void(const Job& job)> finished;
};

struct QueueOptions {
  std::filesystem::path log_directory;             // <id>/<attempt>.log below it
  int concurrency = 2;                             // jobs that run at once
  Duration kill_grace = std::chrono::seconds(10);  // from SIGTERM to SIGKILL
};

// A part of a log. `next` is where to go on reading; `complete` when nothing can come after it.
struct LogChunk {
  std::string bytes;
  std::int64_t next = 0;
  bool complete = false;
};

struct JobFilter {
  std::optional<std::string> kind;
  std::optional<Status> status;
};

// A durable queue of jobs and the executor that runs them as child processes of this machine. Jobs start in the order
// of their submission. A job that ran when the server died is run again by the next start(), as the same job; its
// children died with the server. Thread-safe; not to be changed by a thread that has a db::Transaction open.
class Queue {
 public:
  static Result<std::unique_ptr<Queue>> open(db::Database& database, const Clock& wall_clock, QueueOptions options);
  virtual ~Queue() = default;

  // Before start().
  virtual void handle(std::string kind, Hooks hooks) = 0;
  virtual Result<void> start() = 0;
  // Ends the children of running jobs (SIGTERM, then SIGKILL) and returns when none is left. Their jobs stay
  // `running` in the table and go on at the next start. The destructor does the same.
  virtual void stop() = 0;

  // The job of spec.key: the new one, or the one submitted earlier under this key, as it stands.
  virtual Result<Job> submit(const JobSpec& spec) = 0;
  // A queued job is cancelled at once; a running one gets SIGTERM, and SIGKILL after the grace. A finished one is left
  // as it is.
  virtual Result<void> cancel(JobId id) = 0;

  virtual Result<Job> find_job(JobId id) = 0;
  virtual Result<std::optional<Job>> find_by_key(const std::string& key) = 0;
  // The newest first.
  virtual Result<Page<Job>> list_jobs(const JobFilter& filter, const PageRequest& page) = 0;
  virtual Result<std::vector<Attempt>> list_attempts(JobId id) = 0;
  // Up to 1 MiB of the log from `offset`, also while the job runs; of the newest attempt where none is given.
  virtual Result<LogChunk> read_log(JobId id, std::int64_t offset, std::optional<int> attempt = std::nullopt) = 0;
};

}  // namespace millrace::jobs
