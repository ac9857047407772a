#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "serving/tensor.h"

namespace millrace::serving {

// Views of tensors, which must outlive them.
class Views {
 public:
  explicit Views(std::span<const Tensor> tensors);
  operator std::span<const TensorView>() const { return views_; }

 private:
  std::vector<TensorView> views_;
  std::deque<std::vector<std::string_view>> texts_;
};

// A copy.
Tensor tensor_of(const TensorView& view);

// The rows of tensors, one after the other. They have one name, one datatype and, but for the first extents, one shape.
Tensor concatenate(std::span<const TensorView> parts);

// Some of a tensor's rows; `first` + `count` is at most its first extent.
Tensor rows_of(const Tensor& tensor, std::size_t first, std::size_t count);

// The first extent; 1 of a scalar.
std::size_t rows_in(std::span<const std::int64_t> shape);

}  // namespace millrace::serving
