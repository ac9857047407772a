#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::api::grpc {

// Room for the elements of a tensor that cannot be viewed where they stand.
struct TensorElements {
  std::vector<std::byte>& bytes;
  std::vector<std::string_view>& texts;
};

// A tensor's elements from the bytes of raw_input_contents: exactly as many as its shape has, which is `count`. Numbers
// are viewed where they stand. Name, datatype and shape of the tensor are set.
Result<void> read_raw(std::string_view raw, std::size_t count, TensorElements room, serving::TensorView& tensor);

// The same from an InferTensorContents message.
Result<void> read_contents(std::string_view contents, std::size_t count, TensorElements room,
                           serving::TensorView& tensor);

// FP16 and BF16 have no list among the contents.
bool has_contents(serving::Datatype datatype);
// A tensor's InferTensorContents message, and its bytes as raw_output_contents has them.
std::string contents_of(const serving::Tensor& tensor);
std::string raw_of(const serving::Tensor& tensor);

}  // namespace millrace::api::grpc
