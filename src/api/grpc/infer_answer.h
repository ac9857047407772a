#pragma once

#include <string>

#include "api/grpc/infer_request.h"
#include "serving/infer.h"

namespace millrace::api::grpc {

// A ModelInferResponse. Tensors without typed contents (FP16, BF16) make all of them raw.
std::string write_answer(const serving::InferAnswer& answer, TensorForm form);

}  // namespace millrace::api::grpc
