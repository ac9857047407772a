#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "pipelines/pipelines.h"
#include "pipelines/run_state.h"

namespace millrace::pipelines {

// "step:RUN/STEP", the key of a step's job.
std::string step_job_key(const std::string& run, const std::string& step);

// What an attempt that succeeded left, as Hooks::collect hands it to the engine through the job's row.
struct StepResult {
  ResolvedInputs outputs;
  std::string result;  // result.json's text, or empty
};

Result<StepResult> parse_step_result(const std::string& job_result);

// The part of a step that happens on a job's thread: its folder before, its outputs after. Each attempt has a folder of
// its own below work_directory, so that nothing an earlier one still does can be seen.
class StepWorker {
 public:
  StepWorker(const EngineOptions& options, RunStore store, blob::Store& blobs)
      : options_(options), store_(store), blobs_(blobs) {}

  // Makes the folder and the context; points the command at them.
  Result<void> prepare(const jobs::Job& job, jobs::Command& command);
  // Moves the declared outputs into the blob store; answers a StepResult's text.
  Result<std::string> collect(const jobs::Job& job);
  // Removes the folders of a step or of a run.
  void clean(const std::string& run, const std::string& step = {});

 private:
  struct Place;
  Result<Place> find(const jobs::Job& job);
  Result<StepContext> make_context(const Place& place, int attempt);

  const EngineOptions& options_;
  RunStore store_;
  blob::Store& blobs_;
};

}  // namespace millrace::pipelines
