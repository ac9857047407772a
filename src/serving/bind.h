#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "duck/table.h"
#include "serving/tensor.h"
#include "sql/value.h"

namespace millrace::serving {

// A request's inputs in the order and the types of the columns that were asked for, row-major.
struct BoundInputs {
  std::size_t rows = 0;
  boost::container::small_vector<sql::Value, 16> values;
};

// Finds each column among the tensors. kInvalidArgument for an input that is missing, unknown, given twice, of the
// wrong datatype or shape, or of another number of rows than the others; `endpoint` names the endpoint in messages.
// Numbers and booleans are taken for doubles, every integer for a bigint; ISO 8601 texts and microseconds for
// timestamps. A NaN is a null.
Result<BoundInputs> bind_inputs(std::string_view endpoint, std::span<const duck::ColumnType> columns,
                                std::span<const TensorView> tensors);

// The datatype that a column is asked for: INT64, FP64, BOOL, BYTES.
Datatype datatype_of(duck::Type type);

// A request's tensors in the order and of the datatypes of a model's inputs. An optional input that was left out has no
// name. Views the request's tensors where nothing had to be converted.
struct BoundTensors {
  std::size_t rows = 1;  // the first extent that the request decides; 1 for a model that takes no rows
  boost::container::small_vector<TensorView, 4> views;
  std::deque<Tensor> converted;  // what some views show
};

// As bind_inputs, for a model's own inputs. A number is converted where the model's datatype holds it: integers of
// another width that are in range, integers to floating point, floating point of another width; [n] stands for [n, 1]
// and the other way round.
Result<BoundTensors> bind_tensors(std::string_view endpoint, std::span<const TensorSpec> inputs,
                                  std::span<const TensorView> tensors);

}  // namespace millrace::serving
