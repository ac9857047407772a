#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "proc/spawner.h"
#include "serving/runtimes/python_options.h"
#include "serving/runtimes/python_worker.h"

namespace millrace::serving {

// What Python models are run with. Thread-safe; outlives the models.
class PythonHost {
 public:
  enum class Models { kAllowed, kRefused };
  struct Settings {
    std::filesystem::path home;           // the package millrace_worker is written below it
    std::string interpreter = "python3";  // where an endpoint names no environment
    Models models = Models::kAllowed;
  };

  PythonHost(Settings settings, metrics::Registry& metrics) : settings_(std::move(settings)), metrics_(metrics) {}

  // kFailedPrecondition where Python models are refused.
  Result<WorkerSettings> worker(const std::string& model, const std::filesystem::path& folder,
                                const PythonOptions& options);
  Result<std::unique_ptr<PythonWorker>> start(const WorkerSettings& settings, std::stop_token stop);
  metrics::Registry& metrics() { return metrics_; }

 private:
  Result<void> prepare();

  const Settings settings_;
  metrics::Registry& metrics_;
  std::mutex mutex_;
  std::filesystem::path library_;           // guarded by mutex_; empty before the first model
  std::unique_ptr<proc::Spawner> spawner_;  // guarded by mutex_ until it is there
};

}  // namespace millrace::serving
