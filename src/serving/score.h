#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/served.h"

namespace millrace::serving {

// A request's rows as an endpoint's models take them: vectors, or, where the endpoint has none, tensors.
struct RequestRows {
  std::size_t rows = 0;
  std::size_t width = 0;            // of a vector
  std::span<const double> vectors;  // row-major
  std::span<const TensorView> tensors;
};

// The vectors as a model wants them.
using Vectors = boost::container::small_vector<double, 64>;
Vectors gathered(const ScoredModel& model, const RequestRows& request);

// What one of the endpoint's models answers.
Result<std::vector<Tensor>> score(const ServedEndpoint& endpoint, const ScoredModel& model, const RequestRows& request);

// Scores a shadow, compares it with the answer, and counts. Empty where it failed.
std::vector<Tensor> score_shadow(const ServedEndpoint& endpoint, const ServedShadow& shadow, const RequestRows& request,
                                 std::span<const Tensor> answer);

}  // namespace millrace::serving
