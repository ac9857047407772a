#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/mlmodel.h"
#include "serving/tensor.h"

namespace millrace::api::scoring {

// What a signature says of one input.
struct InputSpec {
  std::string name;  // empty where the signature names none
  serving::Datatype datatype = serving::Datatype::kFp64;
  bool required = true;
  bool base64 = false;                               // a column of bytes, which frames carry as base64
  bool time = false;                                 // a column of ISO 8601 texts
  std::optional<std::vector<std::int64_t>> shape{};  // of a tensor; a column has none
};

struct Schema {
  std::vector<InputSpec> inputs;

  bool has_names() const { return !inputs.empty() && !inputs.front().name.empty(); }
  bool is_tensors() const { return !inputs.empty() && inputs.front().shape.has_value(); }
};

// kUnimplemented for a NumPy type that no tensor of ours holds.
Result<Schema> schema_of(std::span<const registry::ColumnSpec> signature);
// Of columns that the endpoint itself asks for.
Schema columns_schema(std::span<const serving::TensorSpec> inputs);

}  // namespace millrace::api::scoring
