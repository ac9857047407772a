#pragma once

#include <string>

#include "api/scoring/schema.h"
#include "api/scoring/table.h"
#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::api::scoring {

// The array as a tensor of the spec's datatype, converted as NumPy converts: texts are parsed, fractions of what should
// be an integer are cut off, null is NaN. kInvalidArgument, naming `spec`, for what cannot be converted, and for an
// integer that the datatype does not hold.
Result<serving::Tensor> cast(const Array& array, const InputSpec& spec);

// As a tensor of the datatype that fits its values: booleans, 64-bit integers, doubles or texts.
Result<serving::Tensor> cast(const Array& array);

// The number or integer that a text says in Python's grammar: blanks around it, "_" between digits, inf, nan.
bool parse_python_float(std::string_view text, double& value);
bool parse_python_int(std::string_view text, std::int64_t& value);

}  // namespace millrace::api::scoring
