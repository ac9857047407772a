#pragma once

#include <string>

#include "serving/infer.h"

namespace millrace::api {

// The body of an Open Inference Protocol answer in JSON. Numbers are written as short as they read back the same; what
// is not finite, and JSON cannot say, is null. FP16 and BF16 are written as numbers, BYTES as strings of UTF-8.
std::string oip_answer_body(const serving::InferAnswer& answer);

}  // namespace millrace::api
