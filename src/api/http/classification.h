#pragma once

#include <cstddef>

#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::api {

// Triton's classification extension: of each row of numbers the `count` largest, the largest first, as BYTES
// "VALUE:INDEX" of shape [n, count]. A row is the last axis; of a tensor of one axis every value is a row.
// kInvalidArgument for texts.
Result<serving::Tensor> classes_of(const serving::Tensor& tensor, std::size_t count);

}  // namespace millrace::api
