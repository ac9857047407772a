#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "serving/runtime.h"

namespace millrace::serving {

// How tensors that models answered become the inputs of the next.
class Junction {
 public:
  // By name, where each input of the next model that it needs bears the name of one of the tensors; else by place,
  // where one tensor meets one; else as the numbers of a row: [n] and [n, k] one after the other are the columns, or
  // the matrix, of a model that takes as many. kFailedPrecondition where none of it can be. `next` outlives this.
  static Result<Junction> make(std::span<const TensorSpec> given, const Runtime& next);
  // Only as the numbers of a row.
  static Result<Junction> make_rows(std::span<const TensorSpec> given, const Runtime& next);

  // What the next model answers to them. kInternal where they are not of the shapes that were told.
  Result<std::vector<Tensor>> pass(std::span<const Tensor> tensors) const;

 private:
  enum class Kind { kNames, kOne, kRows };
  Junction(Kind kind, const Runtime& next) : kind_(kind), next_(&next) {}
  Result<std::vector<Tensor>> pass_views(std::span<const Tensor> tensors) const;
  Result<std::vector<Tensor>> pass_rows(std::span<const Tensor> tensors) const;

  Kind kind_;
  const Runtime* next_;
  std::vector<std::size_t> from_;  // kNames, kOne: the tensors that it is given
  std::size_t width_ = 0;          // kRows: numbers a row; 0: whatever comes
};

}  // namespace millrace::serving
