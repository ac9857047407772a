#include "serving/contract.h"

#include "serving/bind.h"

namespace millrace::serving {

std::vector<TensorSpec> specs_of(const std::vector<duck::ColumnType>& columns) {
  std::vector<TensorSpec> specs;
  for (const duck::ColumnType& column : columns) specs.push_back({column.name, datatype_of(column.type)});
  return specs;
}

bool Contract::takes_params() const {
  if (!signature || signature->params.empty() || inputs.empty()) return false;
  const TensorSpec& last = inputs.back();
  return last.name == kParams && last.datatype == Datatype::kBytes && last.optional;
}

Contract contract_of(const ServedEndpoint& endpoint) {
  const LoadedModel& model = *endpoint.primary_model().model;
  Contract contract{.name = endpoint.spec.name,
                    .version = model.version,
                    .platform = std::string(model.runtime->platform()),
                    .outputs = model.runtime->outputs()};
  if (endpoint.spec.features) {
    contract.inputs = specs_of(endpoint.vectors->inputs());
  } else {
    contract.inputs = model.runtime->inputs();
    contract.signature = model.signature;
  }
  return contract;
}

}  // namespace millrace::serving
