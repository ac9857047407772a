#pragma once

#include <cstddef>
#include <span>

#include "serving/tensor.h"

namespace millrace::serving {

// How two models' answers for one row stand to each other.
struct Difference {
  bool agree = false;  // the same decision
  double largest = 0;  // of the absolute differences of their numbers; NaN where they have none in common
  bool operator==(const Difference&) const = default;
};

// Compares the first output of each. The decision is the same where
// - texts, integers and booleans are equal;
// - of several floating numbers a row the same is the largest (the class);
// - one floating number a row is at least 0.5 for both or below for both, if both are probabilities, else within 1 %.
// `row` is one of `rows`. Answers that cannot be compared do not agree.
Difference compare_rows(std::span<const Tensor> answer, std::span<const Tensor> shadow, std::size_t row,
                        std::size_t rows);

}  // namespace millrace::serving
