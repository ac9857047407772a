#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/scoring/schema.h"
#include "api/scoring/table.h"
#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::api::scoring {

// The tensors that a model with this signature is given, by MLflow's rules: columns may come in any order, those that
// the signature does not know are left out, values are converted (cast.h). Unnamed columns give tensors without names,
// in order. kInvalidArgument for values that cannot be converted, kFailedPrecondition where the signature is not met:
// inputs are missing, or of another shape.
Result<std::vector<serving::Tensor>> enforce(const Table& table, const Schema& schema);

// What a model without a signature is given: everything, of the datatypes that the values have.
Result<std::vector<serving::Tensor>> without_schema(const Table& table);

// Gives tensors without names those of the model's inputs: one each, or, of a model with another number of inputs, all
// of them as one tensor [n, k] of numbers.
Result<void> give_names(std::vector<serving::Tensor>& tensors, std::span<const std::string> inputs);

}  // namespace millrace::api::scoring
