#include "serving/rows.h"

namespace millrace::serving {

Views::Views(std::span<const Tensor> tensors) {
  for (const Tensor& tensor : tensors) views_.push_back(view_of(tensor, texts_.emplace_back()));
}

Tensor tensor_of(const TensorView& view) { return concatenate({&view, 1}); }

Tensor concatenate(std::span<const TensorView> parts) {
  const TensorView& first = parts.front();
  Tensor whole{
      .name = std::string(first.name), .datatype = first.datatype, .shape = {first.shape.begin(), first.shape.end()}};
  for (const TensorView& part : parts.subspan(1)) whole.shape[0] += part.shape[0];
  for (const TensorView& part : parts) {
    if (first.datatype == Datatype::kBytes) {
      whole.texts.insert(whole.texts.end(), part.texts.begin(), part.texts.end());
    } else {
      whole.data.insert(whole.data.end(), part.data.begin(), part.data.end());
    }
  }
  return whole;
}

Tensor rows_of(const Tensor& tensor, std::size_t first, std::size_t count) {
  const std::size_t rows = rows_in(tensor.shape);
  Tensor part{.name = tensor.name, .datatype = tensor.datatype, .shape = tensor.shape};
  part.shape[0] = static_cast<std::int64_t>(count);
  const auto piece = [&](const auto& all, auto& out) {
    const std::size_t width = rows == 0 ? 0 : all.size() / rows;
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first * width);
    out.assign(begin, begin + static_cast<std::ptrdiff_t>(count * width));
  };
  piece(tensor.data, part.data);
  piece(tensor.texts, part.texts);
  return part;
}

std::size_t rows_in(std::span<const std::int64_t> shape) {
  return shape.empty() ? 1 : static_cast<std::size_t>(shape[0]);
}

}  // namespace millrace::serving
