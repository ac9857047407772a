#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
}

namespace millrace::tracking {

class Store;

// The tag of an experiment that says how long a client may be silent ("10m"), and the tag of a run that was ended for
// it.
inline constexpr std::string_view kHeartbeatTag = "millrace.heartbeat_timeout";
inline constexpr std::string_view kSilentTag = "millrace.ended_because";

Result<Duration> heartbeat_timeout(std::string_view tag);

// Ends runs whose client is gone: those that say RUNNING, in an experiment with the tag, and have not been changed for
// so long. Any change of a run counts as a sign of life. They become FAILED, ended when they were last heard of, and a
// tag says why. Without the tag nothing ends by itself: a client may well be silent for days. Signs of life are kept in
// memory; after a restart every run has its whole time again. Thread-safe.
class Heartbeats {
 public:
  // `clock` is the wall's: clients live in its time.
  Heartbeats(db::Database& database, Store& store, const Clock& clock)
      : database_(database), store_(store), clock_(clock) {}

  void note(std::int64_t experiment, std::int64_t run);
  // Called every second or so; answers how many runs were ended.
  Result<int> end_silent_runs();

 private:
  struct Watched {
    Duration timeout{0};
    std::map<std::int64_t, Timestamp> heard;  // by run
  };

  Result<void> refresh();
  Result<int> end_silent_runs(std::int64_t experiment, Duration timeout);

  db::Database& database_;
  Store& store_;
  const Clock& clock_;

  std::mutex mutex_;
  std::map<std::int64_t, Watched> watched_;  // by experiment
};

}  // namespace millrace::tracking
