#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::api {

// The bytes behind the JSON of a request in Triton's binary form, taken tensor by tensor.
class BinaryPart {
 public:
  explicit BinaryPart(std::string_view bytes) : left_(bytes) {}

  // kInvalidArgument for more than there are.
  Result<std::string_view> take(std::string_view input, std::int64_t size);
  // kInvalidArgument for bytes that nobody took.
  Result<void> finish() const;

 private:
  std::string_view left_;
};

// Has the tensor, whose datatype and shape are known, view `count` elements in the bytes: little-endian numbers, texts
// each behind their length in four bytes. kInvalidArgument where the bytes are not as many.
Result<void> view_bytes(std::string_view bytes, std::size_t count, std::vector<std::string_view>& texts,
                        serving::TensorView& tensor);

// The same bytes of a tensor.
void append_bytes(std::string& out, const serving::Tensor& tensor);
std::size_t bytes_of(const serving::Tensor& tensor);

}  // namespace millrace::api
