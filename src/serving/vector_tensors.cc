#include "serving/vector_tensors.h"

#include <algorithm>

#include "serving/bind.h"

namespace millrace::serving {
namespace {

bool is_matrix(const std::vector<TensorSpec>& inputs) {
  return inputs.size() == 1 && inputs[0].shape.size() == 2 && inputs[0].shape[0] == kAny && inputs[0].shape[1] != 1;
}

bool is_column(const TensorSpec& spec) {
  const bool one = spec.shape.size() == 1 || (spec.shape.size() == 2 && spec.shape[1] == 1);
  return one && spec.shape[0] == kAny;
}

Result<void> check_column(const TensorSpec& input) {
  if (input.datatype == Datatype::kBytes || !is_column(input)) {
    return failed_precondition("the model's input \"{}\" is {} of shape {}, which is no feature", input.name,
                               to_text(input.datatype), shape_text(input.shape));
  }
  return {};
}

Result<void> check_matrix(const TensorSpec& input, std::size_t width) {
  const std::int64_t wanted = input.shape[1];
  if (input.datatype == Datatype::kBytes || (wanted != kAny && wanted != static_cast<std::int64_t>(width))) {
    return failed_precondition("the model's input \"{}\" is {} of shape {}, and there are {} features", input.name,
                               to_text(input.datatype), shape_text(input.shape), width);
  }
  return {};
}

// A tensor of every `stride`th of the values, from `first` on.
Tensor column_of(const TensorSpec& spec, std::span<const double> values, std::size_t first, std::size_t stride) {
  const auto rows = static_cast<std::int64_t>(values.size() / stride);
  Tensor tensor = make_tensor(spec.name, Datatype::kFp64,
                              spec.shape.size() == 1 ? std::vector{rows} : std::vector<std::int64_t>{rows, 1});
  const std::span<double> out = elements<double>(tensor);
  for (std::size_t row = 0; row < out.size(); ++row) out[row] = values[row * stride + first];
  return tensor;
}

std::vector<Tensor> tensors_of(const std::vector<TensorSpec>& inputs, std::span<const double> values,
                               std::size_t rows) {
  std::vector<Tensor> tensors;
  if (is_matrix(inputs)) {
    const std::size_t width = rows == 0 ? 0 : values.size() / rows;
    Tensor& matrix = tensors.emplace_back(make_tensor(
        inputs[0].name, Datatype::kFp64, {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(width)}));
    std::ranges::copy(values, elements<double>(matrix).begin());
    return tensors;
  }
  for (std::size_t at = 0; at < inputs.size(); ++at) {
    tensors.push_back(column_of(inputs[at], values, at, inputs.size()));
  }
  return tensors;
}

Tensor score_rows(const RowScorer& scorer, const TensorSpec& output, std::span<const double> values, std::size_t rows) {
  std::vector<std::int64_t> shape = output.shape;
  shape[0] = static_cast<std::int64_t>(rows);
  Tensor scored = make_tensor(output.name, Datatype::kFp64, std::move(shape));
  scorer.score(values, elements<double>(scored));
  return scored;
}

}  // namespace

Result<std::vector<std::string>> vector_names(const Runtime& runtime, std::size_t width) {
  if (const RowScorer* scorer = runtime.rows()) return scorer->columns();
  if (is_matrix(runtime.inputs())) {
    TRY(check_matrix(runtime.inputs()[0], width));
    return {};
  }
  std::vector<std::string> names;
  for (const TensorSpec& input : runtime.inputs()) {
    TRY(check_column(input));
    names.push_back(input.name);
  }
  return names;
}

Result<std::vector<Tensor>> score_vectors(const Runtime& runtime, std::span<const double> values, std::size_t rows) {
  if (const RowScorer* scorer = runtime.rows()) {
    std::vector<Tensor> scored;
    scored.push_back(score_rows(*scorer, runtime.outputs()[0], values, rows));
    return scored;
  }
  const std::vector<Tensor> tensors = tensors_of(runtime.inputs(), values, rows);
  std::vector<std::string_view> no_texts;
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(view_of(tensor, no_texts));
  const BoundTensors bound = TRY(bind_tensors("", runtime.inputs(), views));
  return runtime.infer({bound.views.data(), bound.views.size()});
}

}  // namespace millrace::serving
