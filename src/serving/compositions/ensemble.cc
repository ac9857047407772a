#include "serving/compositions/ensemble.h"

#include <algorithm>

#include "serving/infer.h"
#include "serving/rows.h"

namespace millrace::serving {
namespace {

std::vector<const LoadedModel*> first_of(const Members& models, std::size_t count) {
  std::vector<const LoadedModel*> first;
  for (std::size_t i = 0; i < count; ++i) first.push_back(&models[i]);
  return first;
}

// Whether two outputs may be averaged value by value.
Result<void> check_alike(const TensorSpec& first, const TensorSpec& other) {
  if (other.datatype == Datatype::kBytes) {
    return failed_precondition(
        "its output \"{}\" is of texts, which have no mean; use \"combine: vote\", or say with "
        "\"output\" which of its outputs counts",
        other.name);
  }
  if (other.shape != first.shape) {
    return failed_precondition(
        "its output \"{}\" is of shape {}, and \"{}\" of the first member {}; \"output\" and "
        "\"class\" say what of an answer counts",
        other.name, shape_text(other.shape), first.name, shape_text(first.shape));
  }
  if (!first.labels.empty() && !other.labels.empty() && first.labels != other.labels) {
    return failed_precondition("its classes are others, or in another order, than those of the first member");
  }
  return {};
}

std::vector<std::string> names_of(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) names.push_back(spec.name);
  return names;
}

}  // namespace

EnsembleRuntime::EnsembleRuntime(const CompositionSpec& spec, Members models, SharedInputs inputs)
    : models_(std::move(models)), inputs_(std::move(inputs)), combine_(spec.combine), members_(spec.members.size()) {
  for (const MemberSpec& member : spec.members) weights_.push_back(member.weight);
}

Result<std::unique_ptr<const Runtime>> EnsembleRuntime::make(const CompositionSpec& spec, Members models) {
  auto inputs = TRY(SharedInputs::make(first_of(models, spec.members.size())));
  std::unique_ptr<EnsembleRuntime> ensemble(new EnsembleRuntime(spec, std::move(models), std::move(inputs)));
  TRY(ensemble->pick_outputs(spec));
  TRY(ensemble->plan_answer(spec));
  ensemble->find_example();
  ensemble->rows_ = RowEnsemble::make(spec, ensemble->models_, names_of(ensemble->inputs()), ensemble->picks_);
  return std::unique_ptr<const Runtime>(std::move(ensemble));
}

Result<void> EnsembleRuntime::pick_outputs(const CompositionSpec& spec) {
  for (std::size_t i = 0; i < members_; ++i) {
    auto pick = pick_output(models_.runtime(i).outputs(), spec.members[i]);
    if (!pick) return models_.in_context(i, pick.error());
    picks_.push_back(std::move(*pick));
  }
  return {};
}

Result<void> EnsembleRuntime::plan_answer(const CompositionSpec& spec) {
  switch (spec.combine) {
    case Combine::kMean:
      return plan_mean();
    case Combine::kVote:
      return plan_vote();
    case Combine::kStacking:
      return plan_stacking();
  }
  return {};
}

Result<void> EnsembleRuntime::plan_mean() {
  for (std::size_t i = 0; i < members_; ++i) {
    if (const auto alike = check_alike(picks_[0].spec, picks_[i].spec); !alike)
      return models_.in_context(i, alike.error());
  }
  outputs_ = {{.name = std::string(kOutput), .datatype = Datatype::kFp64, .shape = picks_[0].spec.shape}};
  for (const Pick& pick : picks_) {
    if (outputs_[0].labels.empty()) outputs_[0].labels = pick.spec.labels;
  }
  return {};
}

Result<void> EnsembleRuntime::plan_vote() {
  for (std::size_t i = 0; i < members_; ++i) {
    auto voter = voter_of(picks_[i].spec);
    if (!voter) return models_.in_context(i, voter.error());
    voters_.push_back(std::move(*voter));
  }
  votes_ = TRY(vote_datatype(voters_));
  outputs_ = {{.name = std::string(kOutput), .datatype = votes_}};
  return {};
}

Result<void> EnsembleRuntime::plan_stacking() {
  std::vector<TensorSpec> answers;
  for (std::size_t i = 0; i < members_; ++i) {
    answers.push_back(picks_[i].spec);
    answers.back().name = models_[i].model;
  }
  auto junction = Junction::make_rows(answers, models_.runtime(members_));
  if (!junction) return models_.in_context(members_, junction.error());
  final_ = std::move(*junction);
  outputs_ = models_.runtime(members_).outputs();
  return {};
}

// A row that every member is known to take; none where a member knows none that says all.
void EnsembleRuntime::find_example() {
  for (const TensorSpec& spec : inputs_.specs()) {
    const Tensor* found = nullptr;
    for (std::size_t i = 0; i < members_ && found == nullptr; ++i) {
      const auto example = models_.runtime(i).example();
      const auto tensor = std::ranges::find(example, spec.name, &Tensor::name);
      if (tensor != example.end() && tensor->datatype == spec.datatype) found = &*tensor;
    }
    if (found != nullptr) example_.push_back(*found);
  }
}

Result<std::vector<Tensor>> EnsembleRuntime::ask_members(std::span<const TensorView> inputs) const {
  std::vector<Tensor> answers;
  for (std::size_t i = 0; i < members_; ++i) {
    const BoundTensors bound = TRY(inputs_.inputs_of(i, inputs));
    auto answer = models_.runtime(i).infer({bound.views.data(), bound.views.size()});
    if (!answer) return models_.in_context(i, answer.error());
    answers.push_back(TRY(picked(std::move(*answer), picks_[i])));
  }
  return answers;
}

Result<std::vector<Tensor>> EnsembleRuntime::infer(std::span<const TensorView> inputs) const {
  const std::vector<Tensor> answers = TRY(ask_members(inputs));
  if (final_) return final_->pass(answers);
  const Views views(answers);
  std::vector<Tensor> outputs;
  outputs.push_back(combine_ == Combine::kMean ? TRY(mean_of(views, weights_))
                                               : TRY(vote_of(views, voters_, weights_, votes_)));
  return outputs;
}

}  // namespace millrace::serving
