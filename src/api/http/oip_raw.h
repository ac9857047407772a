#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "api/http/oip_answer.h"
#include "base/result.h"
#include "serving/infer.h"

namespace millrace::api {

// A request, and how its outputs are to be answered: each of those asked for, or all that there are.
struct OipRequest {
  serving::InferRequest infer;
  std::span<const OutputForm> forms;
};

// Reads Triton's raw requests: a body that is nothing but the bytes of the model's only input. One per thread; what it
// answered is valid until its next read.
class RawReader {
 public:
  // kInvalidArgument for a model of several inputs, or of one whose shape the number of bytes does not tell. A BYTES
  // input takes the whole body as its one text. All outputs are answered in binary.
  Result<OipRequest> read(std::string_view body, const std::vector<serving::TensorSpec>& inputs);

 private:
  serving::TensorSpec spec_;
  std::vector<std::string_view> texts_;
  serving::TensorView tensor_;
};

}  // namespace millrace::api
