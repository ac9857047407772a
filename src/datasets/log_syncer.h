#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"

namespace millrace::datasets {

class RowLog;

// Makes what is appended to row logs safe against the death of the machine, twice a second: a loss of power takes at
// most the rows of the last second. Thread-safe.
class LogSyncer {
 public:
  LogSyncer();

  // Until remove(), which waits for a sync under way.
  void add(RowLog& log);
  void remove(RowLog& log);

 private:
  void keep(const std::stop_token& stop);
  void sync_all();

  std::mutex mutex_;  // of the logs; held while they are synced
  std::vector<RowLog*> logs_;
  std::mutex wait_mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last member: ends before what it uses
};

}  // namespace millrace::datasets
