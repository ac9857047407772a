#include "serving/logged_row.h"

namespace millrace::serving {

void LoggedRows::add_inputs(std::span<const TensorSpec> specs, std::span<const TensorView> inputs) {
  for (std::size_t i = 0; i < specs.size(); ++i) inputs_.push_back({&specs[i], inputs[i]});
}

void LoggedRows::add_outputs(std::span<const Tensor> outputs) { add(schema_.outputs, outputs, outputs_); }

void LoggedRows::add_shadow(std::span<const Tensor> outputs) {
  add(schema_.shadows[next_shadow_++].outputs, outputs, shadows_);
}

void LoggedRows::add(std::span<const TensorSpec> specs, std::span<const Tensor> tensors, std::vector<Part>& parts) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    Part& part = parts.emplace_back(Part{.spec = &specs[i], .view = {}});
    if (i >= tensors.size()) continue;
    part.view = view_of(tensors[i], tensors[i].texts.empty() ? no_texts_ : texts_.emplace_back());
  }
}

void LoggedRows::select(std::size_t row) {
  scratch_.clear();
  fill(inputs_, row, input_values_);
  fill(outputs_, row, output_values_);
  fill(shadows_, row, shadow_values_);
}

void LoggedRows::fill(const std::vector<Part>& parts, std::size_t row, std::vector<sql::Value>& values) {
  values.clear();
  for (const Part& part : parts) append_logged(*part.spec, part.view, rows_, row, scratch_, values);
}

}  // namespace millrace::serving
