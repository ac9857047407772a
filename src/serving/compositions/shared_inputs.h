#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "serving/bind.h"
#include "serving/tensor.h"

namespace millrace::serving {

struct LoadedModel;

// What models that see the same request ask for together, and each of them for itself: the union of their inputs, by
// name. Under one name they may want numbers of several widths; the request is then asked for what all of them can be
// given. A model that takes one matrix [n, f], and whose signature names its f columns, is given them out of the
// columns that others ask for.
class SharedInputs {
 public:
  // kFailedPrecondition where two want things under one name that do not go together. The models outlive this.
  static Result<SharedInputs> make(std::vector<const LoadedModel*> models);

  const std::vector<TensorSpec>& specs() const { return specs_; }
  // A model's own inputs out of those that bind_tensors() made of specs().
  Result<BoundTensors> inputs_of(std::size_t model, std::span<const TensorView> given) const;

 private:
  // Where a model's inputs stand among all.
  struct Plan {
    const std::vector<TensorSpec>* wanted = nullptr;
    std::vector<std::size_t> from;
    bool matrix = false;  // its only input is made of those columns
  };
  Result<Plan> plan_of(const LoadedModel& model);
  Result<std::size_t> place_of(const TensorSpec& wanted);
  static Result<BoundTensors> matrix_of(const Plan& plan, std::span<const TensorView> given);

  std::vector<TensorSpec> specs_;
  std::vector<Plan> plans_;
};

// The datatype that a request is asked for where models want these two under one name; kFailedPrecondition where there
// is none that both can be given. Of floating numbers the wider; of an integer and a floating number the integer.
Result<Datatype> common_datatype(Datatype a, Datatype b);

}  // namespace millrace::serving
