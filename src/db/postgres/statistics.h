#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "db/postgres/session.h"

namespace millrace::db {

// Has the tables of the session's schema counted of which a fifth has changed since they were. The server does so
// itself, but up to a minute later; until then it believes a table that has just been filled to be empty, and may read
// all of it for each row of another.
Result<void> count_changed_tables(Session& session);

// Does so every few seconds, by a session of its own. What fails is tried again.
class StatisticsKeeper {
 public:
  StatisticsKeeper(std::string uri, std::string place);

 private:
  void keep(const std::stop_token& stop);

  const std::string uri_;
  const std::string place_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last member: ends before what it uses
};

}  // namespace millrace::db
