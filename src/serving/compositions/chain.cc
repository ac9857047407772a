#include "serving/compositions/chain.h"

namespace millrace::serving {

Result<std::unique_ptr<const Runtime>> ChainRuntime::make(Members models) {
  std::unique_ptr<ChainRuntime> chain(new ChainRuntime(std::move(models)));
  for (std::size_t i = 1; i < chain->models_.size(); ++i) {
    auto junction = Junction::make(chain->models_.runtime(i - 1).outputs(), chain->models_.runtime(i));
    if (!junction) return chain->models_.in_context(i, junction.error());
    chain->junctions_.push_back(std::move(*junction));
  }
  return std::unique_ptr<const Runtime>(std::move(chain));
}

Result<std::vector<Tensor>> ChainRuntime::infer(std::span<const TensorView> inputs) const {
  auto answer = models_.runtime(0).infer(inputs);
  if (!answer) return models_.in_context(0, answer.error());
  for (std::size_t i = 0; i < junctions_.size(); ++i) {
    answer = junctions_[i].pass(*answer);
    if (!answer) return models_.in_context(i + 1, answer.error());
  }
  return answer;
}

}  // namespace millrace::serving
