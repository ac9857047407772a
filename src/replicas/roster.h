#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::replicas {

// What a replica says of itself, again and again.
struct Report {
  std::string name;                   // its own among the server's replicas
  std::string address;                // where it answers HTTP: "http://10.0.0.7:8080"
  std::string version;                // of Millrace
  std::int64_t generation = 0;        // of the serving state that it has taken over; 0: none yet
  bool draining = false;              // it is about to end
  std::vector<std::string> problems;  // what of that state it does not serve, and why
};

// The replicas that were heard of lately. Thread-safe; a time is the machine's.
class Roster {
 public:
  // A replica that was not heard of for so long is forgotten: it is told again every few seconds.
  static constexpr Duration kForgottenAfter = std::chrono::seconds(30);
  static constexpr std::size_t kMost = 10'000;

  struct Entry {
    Report report;
    Timestamp since;  // heard of without a gap
    Timestamp seen;
  };

  // kResourceExhausted where there are too many.
  Result<void> note(Report report, Timestamp now);
  void remove(const std::string& name);
  std::vector<Entry> list(Timestamp now) const;  // by name

 private:
  void forget(Timestamp now);

  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // guarded by mutex_
  Timestamp forgot_at_;                   // guarded by mutex_
};

}  // namespace millrace::replicas
