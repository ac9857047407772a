#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/mlmodel.h"
#include "serving/served.h"
#include "serving/tensor.h"

namespace millrace::serving {

// The input that carries what a signature lets a request set, of a model that runs in Python: a JSON object for each
// row.
inline constexpr std::string_view kParams = "params";

// What a request to an endpoint must be like, and its answer.
struct Contract {
  std::string name;  // the endpoint's
  std::int64_t version = 0;
  std::string platform;
  std::vector<TensorSpec> inputs, outputs;
  // What the model's own signature says, which may be nothing; none where the endpoint asks for columns of its own,
  // those of a feature service.
  std::optional<registry::Signature> signature;

  // Whether a request may set what the signature lets it, by kParams.
  bool takes_params() const;
};

// Of an endpoint whose primary arm has its model.
Contract contract_of(const ServedEndpoint& endpoint);

// Columns as the tensors that carry them.
std::vector<TensorSpec> specs_of(const std::vector<duck::ColumnType>& columns);

}  // namespace millrace::serving
