#include "serving/score.h"

#include <chrono>
#include <cmath>

#include "serving/comparison.h"
#include "serving/vector_tensors.h"

namespace millrace::serving {

Vectors gathered(const ScoredModel& model, const RequestRows& request) {
  if (model.columns.empty()) return {request.vectors.begin(), request.vectors.end()};
  Vectors values;
  for (std::size_t row = 0; row < request.rows; ++row) {
    for (std::size_t column : model.columns) values.push_back(request.vectors[row * request.width + column]);
  }
  return values;
}

Result<std::vector<Tensor>> score(const ServedEndpoint& endpoint, const ScoredModel& model,
                                  const RequestRows& request) {
  const Runtime& runtime = *model.model->runtime;
  if (!endpoint.vectors) return runtime.infer(request.tensors);
  if (model.columns.empty()) return score_vectors(runtime, request.vectors, request.rows);
  const Vectors values = gathered(model, request);
  return score_vectors(runtime, {values.data(), values.size()}, request.rows);
}

std::vector<Tensor> score_shadow(const ServedEndpoint& endpoint, const ServedShadow& shadow, const RequestRows& request,
                                 std::span<const Tensor> answer) {
  const auto start = std::chrono::steady_clock::now();
  Result<std::vector<Tensor>> scored = score(endpoint, shadow.scored, request);
  if (!scored) {
    shadow.meter->failures.add();
    return {};
  }
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  shadow.meter->latency.add(static_cast<std::uint64_t>(took.count()));
  shadow.meter->compared.add(request.rows);
  for (std::size_t row = 0; row < request.rows; ++row) {
    const Difference difference = compare_rows(answer, *scored, row, request.rows);
    if (difference.agree) shadow.meter->agreed.add();
    if (!std::isnan(difference.largest)) shadow.meter->difference.observe(difference.largest);
  }
  return std::move(*scored);
}

}  // namespace millrace::serving
