#include "serving/warm_up.h"

#include <vector>

#include "serving/background.h"

namespace millrace::serving {
namespace {

constexpr int kCalls = 3;
constexpr std::size_t kRows = 64;  // enough for a batch's own paths

void warm_up_rows(const RowScorer& scorer) {
  const std::vector<double> rows(kRows * scorer.columns().size(), 0.0);
  std::vector<double> out(kRows * scorer.outputs_a_row());
  for (int call = 0; call < kCalls; ++call) scorer.score(rows, out);
}

// One row of zeros and empty texts.
void warm_up_tensors(const Runtime& runtime) {
  std::vector<Tensor> tensors;
  for (const TensorSpec& spec : runtime.inputs()) {
    std::vector<std::int64_t> shape = spec.shape;
    for (std::int64_t& extent : shape) extent = extent == kAny ? 1 : extent;
    tensors.push_back(make_tensor(spec.name, spec.datatype, std::move(shape)));
  }
  std::vector<std::vector<std::string_view>> texts;
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) {
    texts.emplace_back(tensor.texts.begin(), tensor.texts.end());
    views.push_back({tensor.name, tensor.datatype, tensor.shape, tensor.data, texts.back()});
  }
  for (int call = 0; call < kCalls; ++call) {
    if (!runtime.infer(views)) return;
  }
}

}  // namespace

void warm_up(const Runtime& runtime) {
  if (const RowScorer* scorer = runtime.rows()) return at_low_priority([&] { warm_up_rows(*scorer); });
  warm_up_tensors(runtime);
}

}  // namespace millrace::serving
