#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jobs/attempt.h"
#include "jobs/job_store.h"
#include "jobs/jobs.h"
#include "proc/proc.h"

namespace millrace::jobs {

// The queue of one server: as many threads as jobs may run at once, each with one child at a time.
class LocalQueue final : public Queue {
 public:
  LocalQueue(JobStore store, std::unique_ptr<proc::Spawner> spawner, const Clock& clock, QueueOptions options);
  ~LocalQueue() override;

  void handle(std::string kind, Hooks hooks) override;
  Result<void> start() override;
  void stop() override;
  Result<Job> submit(const JobSpec& spec) override;
  Result<void> cancel(JobId id) override;
  Result<Job> find_job(JobId id) override;
  Result<std::optional<Job>> find_by_key(const std::string& key) override;
  Result<Page<Job>> list_jobs(const JobFilter& filter, const PageRequest& page) override;
  Result<std::vector<Attempt>> list_attempts(JobId id) override;
  Result<LogChunk> read_log(JobId id, std::int64_t offset, std::optional<int> attempt) override;

 private:
  using Requests = std::map<JobId, std::shared_ptr<std::atomic<Request>>>;

  Result<void> recover();
  void work();
  std::optional<Job> next_job(std::shared_ptr<std::atomic<Request>>& request);
  void wait_for_job(std::unique_lock<std::mutex>& lock);
  void run(const Job& job, const std::atomic<Request>& request);
  template <typename Ask>
  std::invoke_result_t<Ask> patiently(Ask ask);
  AttemptResult attempt(const Job& job, const std::atomic<Request>& request, std::string& result);
  Result<Command> prepare(const Job& job);
  void finish(const Job& job, const AttemptResult& attempt, const std::string& result,
              const std::atomic<Request>& request);
  void release(JobId id);
  void tell(const Job& job);
  const Hooks& hooks(const Job& job) const;
  std::filesystem::path log_path(JobId id, int attempt) const;

  JobStore store_;
  std::unique_ptr<proc::Spawner> spawner_;
  const Clock& clock_;
  const QueueOptions options_;
  std::map<std::string, Hooks> hooks_;  // fixed once started

  std::mutex mutex_;  // guards what follows, and the step from queued to running
  std::condition_variable changed_;
  Requests running_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace millrace::jobs
