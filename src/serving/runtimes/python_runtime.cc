#include "serving/runtimes/python_runtime.h"

#include <chrono>

namespace millrace::serving {
namespace {

// How long a call waits for a worker that is being started again, on a busy machine, before its own time begins.
constexpr auto kRestart = std::chrono::seconds(60);

}  // namespace

Result<std::unique_ptr<const Runtime>> PythonRuntime::load(PythonHost& host, const std::string& model,
                                                           const std::filesystem::path& folder,
                                                           const PythonOptions& options) {
  const auto settings = TRY(host.worker(model, folder, options));
  auto pool = TRY(WorkerPool::start(host, settings, static_cast<std::size_t>(options.workers)));
  return std::unique_ptr<const Runtime>(new PythonRuntime(std::move(pool), options.timeout));
}

Result<std::vector<Tensor>> PythonRuntime::infer(std::span<const TensorView> inputs) const {
  auto worker = TRY(pool_->borrow(std::chrono::steady_clock::now() + timeout_ + kRestart));
  return worker->infer(inputs, std::chrono::steady_clock::now() + timeout_);
}

}  // namespace millrace::serving
