#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::serving {

// BOOL is one: 0 or 1.
bool is_integer(Datatype datatype);

// An element of an integer tensor; one beyond INT64 wraps.
std::int64_t integer_at(const TensorView& tensor, std::size_t index);

// The tensor's elements as another datatype. Integers and booleans become integers that hold them and floating point;
// floating point becomes floating point of another width, rounded. kInvalidArgument for everything else: an integer out
// of range, floating point that should be an integer, texts.
Result<std::vector<std::byte>> convert_elements(const TensorView& tensor, Datatype wanted);

}  // namespace millrace::serving
