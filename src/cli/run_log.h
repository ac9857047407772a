#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/client.h"

namespace millrace::cli {

// "queued" and "running" are not.
bool is_finished(const Json& run);

// The logs of a run's steps on standard output as they grow: "train | epoch 3", a step's end as its own line.
class RunLog {
 public:
  RunLog(api::ApiClient& client, std::string run);

  // Prints what is new and answers the run as it is now.
  Result<Json> print_new();
  // Prints until the run has finished; answers the finished run.
  Result<Json> follow();

 private:
  struct StepLog {
    std::string name;
    std::int64_t offset = 0;
    std::string line;  // begun and not ended yet
    bool ended = false;
  };

  StepLog& log_of(const std::string& step);
  Result<void> print_new(const Json& step, StepLog& log, bool run_finished);

  api::ApiClient& client_;
  std::string run_;
  std::vector<StepLog> logs_;
};

// One step's log as it is; with `follow` until the step has ended.
enum class Until { kNow, kEnded };
Result<void> print_step_log(api::ApiClient& client, const std::string& run, const std::string& step, Until until);

}  // namespace millrace::cli
