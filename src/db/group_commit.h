#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include "base/result.h"

namespace millrace::db {

class Database;
class Transaction;

// Small writes of many threads, in few transactions: what waits while one transaction is written is the next one, with
// one commit and one sync for all of it. Thread-safe.
class GroupCommit {
 public:
  using Work = std::function<Result<void>(Transaction&)>;

  explicit GroupCommit(Database& database) : database_(database) {}

  // See Database::write().
  Result<void> run(const Work& work);

 private:
  // One thread's work, on its stack. The thread sleeps until it is done or its turn has come to lead.
  struct Job {
    explicit Job(const Work& given) : work(given) {}
    const Work& work;
    std::condition_variable wake;
    bool leads = false;
    bool done = false;
    Result<void> result;
    std::exception_ptr thrown;
  };

  std::vector<Job*> lead();
  Result<void> perform(std::vector<Job*>& jobs);
  static Result<void> attempt(Transaction& tx, Job& job);

  Database& database_;
  std::mutex mutex_;
  bool busy_ = false;  // somebody leads
  std::vector<Job*> waiting_;
};

}  // namespace millrace::db
