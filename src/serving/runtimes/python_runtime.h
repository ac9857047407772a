#pragma once

#include <memory>

#include "serving/runtime.h"
#include "serving/runtimes/worker_pool.h"

namespace millrace::serving {

// A model of any flavor that MLflow's python_function loads, in Python processes. Inputs and outputs are those of the
// model's signature, or, where it has none, of its input example: a tensor [-1] for a column, in MLflow's types; texts,
// bytes, ISO 8601 times and the JSON of nested values are BYTES. What has no name is "input" and "prediction".
class PythonRuntime final : public Runtime {
 public:
  // Returns when all workers have loaded the model. kFailedPrecondition says why they cannot.
  static Result<std::unique_ptr<const Runtime>> load(PythonHost& host, const std::string& model,
                                                     const std::filesystem::path& folder, const PythonOptions& options);

  std::string_view platform() const override { return "python_function"; }
  const std::vector<TensorSpec>& inputs() const override { return pool_->loaded().inputs; }
  const std::vector<TensorSpec>& outputs() const override { return pool_->loaded().outputs; }
  bool blocks() const override { return true; }
  std::span<const Tensor> example() const override { return pool_->loaded().tensors; }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override;
  std::vector<WorkerStatus> workers() const override { return pool_->status(); }
  void stop() const override { pool_->stop(); }

 private:
  PythonRuntime(std::unique_ptr<WorkerPool> pool, Duration timeout) : pool_(std::move(pool)), timeout_(timeout) {}

  std::unique_ptr<WorkerPool> pool_;
  Duration timeout_;
};

}  // namespace millrace::serving
