#include <algorithm>
#include <utility>

#include "serving/inference.h"
#include "serving/rows.h"
#include "serving/vector_tensors.h"

namespace millrace::serving {
namespace {

bool join(const TensorView& a, const TensorView& b) {
  return a.name == b.name && a.shape.size() == b.shape.size() && !a.shape.empty() &&
         std::ranges::equal(a.shape.subspan(1), b.shape.subspan(1));
}

// Whether the fault may lie in one request's rows, so that the others are better asked alone.
bool may_be_of_one(const Error& error) {
  return error.code == Code::kInvalidArgument || error.code == Code::kInternal ||
         error.code == Code::kResourceExhausted;
}

}  // namespace

// Whether the rows of both can be those of one request. Their tensors are of the model's datatypes already.
bool Inference::joins(const Inference& other) const {
  return arm_ == other.arm_ && rows_ > 0 && other.rows_ > 0 &&
         std::ranges::equal(tensors_.views, other.tensors_.views, join);
}

Result<Inference::Outputs> Inference::score_joined(std::span<Inference* const> inferences) {
  const Inference& first = *inferences.front();
  const Runtime& runtime = *first.arm_->scored.model->runtime;
  if (first.endpoint_.vectors) {
    std::size_t rows = 0;
    std::vector<double> values;
    for (const Inference* inference : inferences) {
      const auto vectors = gathered(first.arm_->scored, inference->request_rows());
      values.insert(values.end(), vectors.begin(), vectors.end());
      rows += inference->rows_;
    }
    return score_vectors(runtime, values, rows);
  }
  Outputs whole;
  for (std::size_t i = 0; i < first.tensors_.views.size(); ++i) {
    std::vector<TensorView> parts;
    for (const Inference* inference : inferences) parts.push_back(inference->tensors_.views[i]);
    whole.push_back(first.tensors_.views[i].name.empty() ? Tensor{} : concatenate(parts));
  }
  return runtime.infer(Views(whole));
}

std::vector<Result<Inference::Outputs>> Inference::score_group(std::span<Inference* const> inferences) {
  std::vector<Result<Outputs>> answers;
  const auto each_alone = [&] {
    for (const Inference* inference : inferences)
      answers.push_back(score(inference->endpoint_, inference->arm_->scored, inference->request_rows()));
    return std::move(answers);
  };
  if (inferences.size() == 1) return each_alone();
  std::size_t total = 0;
  for (const Inference* inference : inferences) total += inference->rows_;
  const auto whole = score_joined(inferences);
  if (!whole && may_be_of_one(whole.error())) return each_alone();
  const auto of_all_rows = [&](const Tensor& output) {
    return !output.shape.empty() && rows_in(output.shape) == total;
  };
  if (whole && !std::ranges::all_of(*whole, of_all_rows)) return each_alone();
  std::size_t first = 0;
  for (const Inference* inference : inferences) {
    if (!whole) {
      answers.push_back(std::unexpected(whole.error()));
      continue;
    }
    Outputs& part = answers.emplace_back(Outputs()).value();
    for (const Tensor& output : *whole) part.push_back(rows_of(output, first, inference->rows_));
    first += inference->rows_;
  }
  return answers;
}

std::vector<Result<Inference::Outputs>> score_together(std::span<Inference* const> inferences) {
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < inferences.size(); ++i) {
    const auto joins = [&](const auto& group) { return inferences[group.front()]->joins(*inferences[i]); };
    const auto group = std::ranges::find_if(groups, joins);
    group == groups.end() ? groups.push_back({i}) : group->push_back(i);
  }
  std::vector<Result<Inference::Outputs>> answers(inferences.size());
  for (const auto& group : groups) {
    std::vector<Inference*> members;
    for (const std::size_t i : group) members.push_back(inferences[i]);
    auto scored = Inference::score_group(members);
    for (std::size_t i = 0; i < group.size(); ++i) answers[group[i]] = std::move(scored[i]);
  }
  return answers;
}

}  // namespace millrace::serving
