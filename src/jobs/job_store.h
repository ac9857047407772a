#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "db/db.h"
#include "jobs/attempt.h"
#include "jobs/job.h"
#include "jobs/jobs.h"
#include "jobs/retry.h"

namespace millrace::jobs {

// The tables of the queue. Every method is one transaction.
class JobStore {
 public:
  static Result<JobStore> open(db::Database& database);

  Result<Job> insert(const JobSpec& spec, Timestamp now);
  Result<std::optional<Job>> find(JobId id);
  Result<std::optional<Job>> find_by_key(const std::string& key);
  Result<Page<Job>> list(const JobFilter& filter, const PageRequest& page);
  Result<std::vector<Attempt>> attempts(JobId id);

  // Marks the first queued job that may run now as running, with a new attempt whose log is at `log_uri(job)`.
  Result<std::optional<Job>> claim(Timestamp now, const std::function<std::string(const Job&)>& log_uri);
  // When the next queued job is due; nothing where none waits for its time.
  Result<std::optional<Timestamp>> next_due(Timestamp now);

  // Ends the newest attempt of a running job, and the job too where `decision` is no retry. Answers the job.
  Result<Job> finish_attempt(const Job& job, const AttemptResult& attempt, const Decision& decision,
                             const std::string& result, Timestamp now);
  Result<Job> cancel_queued(JobId id, Timestamp now);
  Result<void> request_cancel(JobId id);
  Result<bool> cancel_requested(JobId id);
  // The jobs that are running by the table, in order.
  Result<std::vector<Job>> running();

 private:
  explicit JobStore(db::Database& database) : database_(&database) {}
  Result<Job> get(JobId id);

  db::Database* database_;
};

}  // namespace millrace::jobs
