#pragma once

#include <utility>
#include <vector>

#include "serving/rows.h"
#include "serving/runtime.h"

namespace millrace::serving {

// Takes and answers what it is told to, and answers what it was given last.
class FakeRuntime final : public Runtime {
 public:
  explicit FakeRuntime(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs = {})
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

  std::string_view platform() const override { return "fake"; }
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override {
    std::vector<Tensor> given;
    for (const TensorView& input : inputs) given.push_back(input.name.empty() ? Tensor{} : tensor_of(input));
    return given;
  }

 private:
  std::vector<TensorSpec> inputs_, outputs_;
};

inline Tensor tensor_of_doubles(std::string name, std::vector<std::int64_t> shape, std::vector<double> values) {
  Tensor tensor = make_tensor(std::move(name), Datatype::kFp64, std::move(shape));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

inline std::vector<double> numbers_in(const Tensor& tensor) {
  std::vector<std::string_view> texts;
  std::vector<double> values(tensor.data.size() / width_of(tensor.datatype));
  numbers_of(view_of(tensor, texts), values);
  return values;
}

}  // namespace millrace::serving
