#pragma once

#include <vector>

#include "base/json.h"
#include "serving/tensor.h"

namespace millrace::api {

// [{"name", "datatype", "shape"}, ...], as the Open Inference Protocol tells of a model's tensors.
Json to_json(const std::vector<serving::TensorSpec>& specs);

}  // namespace millrace::api
