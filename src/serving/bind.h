#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "duck/table.h"
#include "serving/infer.h"
#include "sql/value.h"

namespace millrace::serving {

// A request's inputs in the order and the types of the columns that were asked for, row-major.
struct BoundInputs {
  std::size_t rows = 0;
  boost::container::small_vector<sql::Value, 16> values;
};

// Finds each column among the tensors. kInvalidArgument for an input that is missing, unknown, given twice, of the
// wrong datatype or shape, or of another number of rows than the others; `endpoint` names the endpoint in messages.
// Integers and booleans are taken for doubles; ISO 8601 texts and microseconds for timestamps. A NaN is a null.
Result<BoundInputs> bind_inputs(std::string_view endpoint, std::span<const duck::ColumnType> columns,
                                std::span<const InputTensor> tensors);

// The Open Inference Protocol's name of the datatype that a column is asked for: "INT64", "FP64", "BOOL", "BYTES".
std::string_view datatype_name(duck::Type type);

}  // namespace millrace::serving
