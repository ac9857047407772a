#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "serving/infer.h"

namespace millrace::api {

// How an output is answered.
struct OutputForm {
  bool binary = false;      // its bytes stand behind the JSON, in Triton's binary form
  std::size_t classes = 0;  // not 0: that many of the largest values of a row, by Triton's classification
  bool operator==(const OutputForm&) const = default;
};

struct OipBody {
  std::string text;
  std::size_t json_bytes = 0;  // where the bytes of the outputs begin; 0: there are none
};

// The body of an Open Inference Protocol answer. Numbers are written as short as they read back the same; what is not
// finite, and JSON cannot say, is null. FP16 and BF16 are written as numbers, BYTES as strings of UTF-8. `forms` are as
// many as the outputs, or one for all.
OipBody oip_answer_body(const serving::InferAnswer& answer, std::span<const OutputForm> forms);

}  // namespace millrace::api
