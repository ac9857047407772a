#pragma once

#include <memory>
#include <vector>

#include "serving/compositions/junction.h"
#include "serving/compositions/members.h"
#include "serving/runtime.h"

namespace millrace::serving {

// Models each of which sees what the one before it answered (junction.h); the first sees the request, and the last
// answers it.
class ChainRuntime final : public Runtime {
 public:
  // kFailedPrecondition where a model cannot take what the one before it answers, with its name.
  static Result<std::unique_ptr<const Runtime>> make(Members models);

  std::string_view platform() const override { return "millrace_chain"; }
  const std::vector<TensorSpec>& inputs() const override { return models_.runtime(0).inputs(); }
  const std::vector<TensorSpec>& outputs() const override { return models_.runtime(models_.size() - 1).outputs(); }
  bool blocks() const override { return models_.block(); }
  std::span<const Tensor> example() const override { return models_.runtime(0).example(); }
  std::vector<WorkerStatus> workers() const override { return models_.workers(); }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override;

 private:
  explicit ChainRuntime(Members models) : models_(std::move(models)) {}

  Members models_;
  std::vector<Junction> junctions_;  // the one before each model but the first
};

}  // namespace millrace::serving
