#pragma once

#include <span>
#include <string>

#include "serving/tensor.h"

namespace millrace::api::scoring {

// How a model's outputs stand in an answer.
enum class Layout {
  kArray,    // the only one, as nested lists
  kRecords,  // an object a row
  kArrays,   // nested lists by name
};

// Appends them as Python writes JSON: `[0.5, 1.0]`, with NaN and Infinity.
void append_outputs(std::string& out, std::span<const serving::Tensor> outputs, Layout layout);

}  // namespace millrace::api::scoring
