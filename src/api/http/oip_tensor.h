#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "api/http/oip_binary.h"
#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::api {

// The string under the key; kInvalidArgument says that `what` ("an input") needs it.
Result<std::string_view> text_member(simdjson::dom::element object, std::string_view key, std::string_view what);

// What one tensor's elements are read into; kept for the next request.
struct TensorRoom {
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
  std::vector<std::string_view> texts;
};

// One of "inputs" of an Open Inference Protocol request in JSON: {"name", "shape", "datatype", "data"}, the data flat
// or nested, `most` elements at most (the bytes of the body: each element takes one). The tensor views the room and the
// document. A null among floating point is a NaN. kInvalidArgument for data that do not fill the shape or are not of
// the datatype; FP16 and BF16 have no JSON. Where there are none, the parameter "binary_data_size" says how many bytes
// of `binary` are the data.
Result<void> read_tensor(simdjson::dom::element element, std::size_t most, BinaryPart& binary, TensorRoom& room,
                         serving::TensorView& tensor);

}  // namespace millrace::api
