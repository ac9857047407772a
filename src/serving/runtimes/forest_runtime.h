#pragma once

#include "registry/mlmodel.h"
#include "serving/forest/forest.h"
#include "serving/runtime.h"

namespace millrace::serving {

// A tree ensemble in an MLmodel folder, scored by our own engine: MLflow's flavors xgboost and lightgbm. Inputs are
// named by the booster, else by the signature, else as XGBoost names them: f0, f1, ...
class ForestRuntime final : public Runtime, private RowScorer {
 public:
  // All rounds of a Booster; of a scikit-learn model those up to the best one, as its predict() does.
  static Result<std::unique_ptr<const Runtime>> load_xgboost(const std::filesystem::path& folder,
                                                             const registry::MlModel& model);
  // A Booster. kUnimplemented for scikit-learn models, which MLflow keeps as pickles.
  static Result<std::unique_ptr<const Runtime>> load_lightgbm(const std::filesystem::path& folder,
                                                              const registry::MlModel& model);

  std::string_view platform() const override { return platform_; }
  // A column of FP64 for each feature; one output, "prediction".
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override;
  const RowScorer* rows() const override { return this; }

 private:
  ForestRuntime(Forest forest, std::vector<std::string> columns, std::string_view platform);

  static Result<std::unique_ptr<const Runtime>> make(const ForestModel& model, std::vector<std::string> columns,
                                                     std::string_view platform);

  const std::vector<std::string>& columns() const override { return columns_; }
  std::size_t outputs_a_row() const override { return forest_.outputs(); }
  // XGBoost's values are narrowed to float, as XGBoost narrows them.
  void score(std::span<const double> rows, std::span<double> out) const override { forest_.predict(rows, out); }

  Forest forest_;
  std::vector<std::string> columns_;
  std::string_view platform_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
};

}  // namespace millrace::serving
