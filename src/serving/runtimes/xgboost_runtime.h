#pragma once

#include "registry/mlmodel.h"
#include "serving/forest/forest.h"
#include "serving/runtime.h"

namespace millrace::serving {

// An XGBoost booster in an MLmodel folder, scored by our own forest. Inputs are named by the booster, else by the
// signature, else f0, f1, ...
class XgboostRuntime final : public Runtime {
 public:
  static Result<std::unique_ptr<const Runtime>> load(const std::filesystem::path& folder,
                                                     const registry::MlModel& model);

  const std::vector<std::string>& inputs() const override { return inputs_; }
  std::size_t outputs() const override { return forest_.outputs(); }
  // Values are narrowed to float, as XGBoost narrows them.
  void score(std::span<const double> rows, std::span<double> out) const override;

 private:
  XgboostRuntime(Forest forest, std::vector<std::string> inputs)
      : forest_(std::move(forest)), inputs_(std::move(inputs)) {}

  Forest forest_;
  std::vector<std::string> inputs_;
};

}  // namespace millrace::serving
