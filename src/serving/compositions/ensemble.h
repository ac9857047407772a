#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "serving/compositions/combine.h"
#include "serving/compositions/junction.h"
#include "serving/compositions/members.h"
#include "serving/compositions/pick.h"
#include "serving/compositions/row_ensemble.h"
#include "serving/compositions/shared_inputs.h"
#include "serving/runtime.h"

namespace millrace::serving {

// Models that all see the request and whose answers become one: their mean, the class that most of them say, or what a
// final model makes of them. The members are asked one after the other, on one thread.
class EnsembleRuntime final : public Runtime {
 public:
  // The models are those of spec.all(), in its order. kFailedPrecondition where their inputs or outputs do not go
  // together, with the member's name.
  static Result<std::unique_ptr<const Runtime>> make(const CompositionSpec& spec, Members models);

  std::string_view platform() const override { return "millrace_ensemble"; }
  const std::vector<TensorSpec>& inputs() const override { return inputs_.specs(); }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  bool blocks() const override { return models_.block(); }
  std::span<const Tensor> example() const override { return example_; }
  std::vector<WorkerStatus> workers() const override { return models_.workers(); }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override;
  // Of trees alone, but for votes.
  const RowScorer* rows() const override { return rows_.get(); }

 private:
  EnsembleRuntime(const CompositionSpec& spec, Members models, SharedInputs inputs);
  Result<void> pick_outputs(const CompositionSpec& spec);
  Result<void> plan_answer(const CompositionSpec& spec);
  Result<void> plan_mean();
  Result<void> plan_vote();
  Result<void> plan_stacking();
  void find_example();
  Result<std::vector<Tensor>> ask_members(std::span<const TensorView> inputs) const;

  Members models_;
  SharedInputs inputs_;
  Combine combine_;
  std::size_t members_;  // of models_; with stacking the final one comes after them
  std::vector<double> weights_;
  std::vector<Pick> picks_;
  std::vector<Voter> voters_;          // of a vote
  Datatype votes_ = Datatype::kInt64;  //
  std::optional<Junction> final_;      // of stacking
  std::vector<TensorSpec> outputs_;
  std::vector<Tensor> example_;
  std::unique_ptr<const RowEnsemble> rows_;
};

}  // namespace millrace::serving
