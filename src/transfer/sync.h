#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "transfer/carry.h"
#include "transfer/source.h"
#include "transfer/target.h"

namespace millrace::transfer {

enum class Until {
  kCarried,  // all that is there now
  kEnded,    // and all that comes, until no run says that it still runs
};

struct SyncOptions {
  Until until = Until::kCarried;
  Duration look_every = std::chrono::seconds(5);
  Duration first_wait = std::chrono::seconds(1);  // before another try; doubles
  Duration longest_wait = std::chrono::seconds(30);
  std::function<void(const std::string&)> tell;  // a line of progress
  std::function<bool(Duration)> wait;            // false: it was interrupted
};

// The wait before a try after so many in a row that failed, from 1 on.
Duration wait_before(int failures, const SyncOptions& options);

// Carries what a source has to a server, trying again as long as either cannot be reached. Answers all that was
// carried; kCancelled where it was interrupted, which loses nothing.
Result<Carried> sync(Source& source, Target& target, const SyncOptions& options);

}  // namespace millrace::transfer
