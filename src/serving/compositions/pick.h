#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "serving/composition_spec.h"
#include "serving/tensor.h"

namespace millrace::serving {

// Which part of a member's answer counts.
struct Pick {
  std::size_t output = 0;            // of its outputs
  std::optional<std::size_t> value;  // of each row's values; none: all
  TensorSpec spec;                   // what that is
};

// kFailedPrecondition where the member does not say which of several outputs it means, or means one that is not there.
Result<Pick> pick_output(const std::vector<TensorSpec>& outputs, const MemberSpec& member);

// The part of the answer. kInternal where the answer's shape is not the model's.
Result<Tensor> picked(std::vector<Tensor> answer, const Pick& pick);

}  // namespace millrace::serving
