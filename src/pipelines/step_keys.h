#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "pipelines/pipelines.h"
#include "pipelines/run_state.h"

namespace millrace::pipelines {

// Makes cache keys; remembers the hashes of project folders, which never change. For one thread.
class StepKeys {
 public:
  explicit StepKeys(const EngineOptions& options) : options_(options) {}

  // Empty where the step must not be cached.
  Result<std::string> key(const RunState& run, std::size_t step, const StepPlan& plan);

 private:
  Result<std::string> command_code(const RunState& run, const StepSpec& step, const std::string& command);
  Result<std::string> file_hash(const std::string& path);

  const EngineOptions& options_;
  std::map<std::string, std::string> hashes_;  // by path
};

}  // namespace millrace::pipelines
