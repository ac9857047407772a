#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/runtime.h"

namespace millrace::serving {

// The names of the numbers that a model takes a row; empty where it takes any vector of `width` as it is.
// kFailedPrecondition for a model that takes something else than rows of numbers, or another number of them.
Result<std::vector<std::string>> vector_names(const Runtime& runtime, std::size_t width);

// What the model answers to vectors of numbers in the order of vector_names(): `values` holds `rows` of them, NaN =
// missing. A model without RowScorer gets them as its tensors: one of [n, f], or a column each.
Result<std::vector<Tensor>> score_vectors(const Runtime& runtime, std::span<const double> values, std::size_t rows);

}  // namespace millrace::serving
