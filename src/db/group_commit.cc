#include "db/group_commit.h"

#include <utility>

#include "db/database.h"

namespace millrace::db {

Result<void> GroupCommit::run(const Work& work) {
  Job job(work);
  std::unique_lock lock(mutex_);
  waiting_.push_back(&job);
  if (!std::exchange(busy_, true)) job.leads = true;
  job.wake.wait(lock, [&] { return job.leads || job.done; });
  if (!job.done) {
    lock.unlock();
    const std::vector<Job*> jobs = lead();
    lock.lock();
    for (Job* other : jobs) {
      other->done = true;
      other->wake.notify_one();
    }
    busy_ = !waiting_.empty();
    if (busy_) {
      waiting_.front()->leads = true;
      waiting_.front()->wake.notify_one();
    }
  }
  if (job.thrown) std::rethrow_exception(job.thrown);
  return job.result;
}

std::vector<GroupCommit::Job*> GroupCommit::lead() {
  std::vector<Job*> jobs;
  const auto performed = perform(jobs);
  for (Job* job : jobs) {
    if (!performed && job->result) job->result = std::unexpected(performed.error());
  }
  return jobs;
}

// Who comes while the writer is waited for joins. Work that is alone needs no savepoint: its error undoes all.
Result<void> GroupCommit::perform(std::vector<Job*>& jobs) {
  auto tx = database_.begin();
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(waiting_);
  }
  if (!tx) return std::unexpected(tx.error());
  if (jobs.size() == 1) {
    jobs.front()->result = attempt(*tx, *jobs.front());
    return jobs.front()->result ? tx->commit() : Result<void>();
  }
  for (Job* job : jobs) {
    job->result = tx->nested([&](Transaction& inner) { return attempt(inner, *job); });
  }
  return tx->commit();
}

// What is thrown belongs to the thread whose work it is.
Result<void> GroupCommit::attempt(Transaction& tx, Job& job) {
  try {
    return job.work(tx);
  } catch (...) {
    job.thrown = std::current_exception();
    return internal_error("what was to be written threw an exception");
  }
}

}  // namespace millrace::db
