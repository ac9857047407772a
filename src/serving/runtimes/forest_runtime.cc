#include "serving/runtimes/forest_runtime.h"

#include "base/files.h"
#include "serving/forest/lightgbm_reader.h"
#include "serving/forest/xgboost_reader.h"
#include "serving/infer.h"
#include "serving/runtimes/flavor.h"
#include "serving/vector_tensors.h"

namespace millrace::serving {
namespace {

std::vector<std::string> signature_names(const registry::Signature& signature) {
  std::vector<std::string> names;
  for (const registry::ColumnSpec& column : signature.inputs) {
    if (!column.name.empty()) names.push_back(column.name);
  }
  return names;
}

std::vector<std::string> numbered_names(std::uint32_t count) {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < count; ++i) names.push_back(fmt::format("f{}", i));
  return names;
}

// Booster's names first, then the signature's.
Result<std::vector<std::string>> input_names(const ForestModel& booster, const registry::Signature& signature) {
  std::vector<std::string> names = booster.feature_names;
  if (names.empty()) names = signature_names(signature);
  if (names.empty()) names = numbered_names(booster.features);
  if (names.size() != booster.features) {
    return invalid_argument("the signature has {} inputs, but the booster {} features", names.size(), booster.features);
  }
  return names;
}

// LightGBM changes names ("a b" to "a_b"), and numbers those of plain arrays, so the signature's come first.
Result<std::vector<std::string>> renamed_input_names(ForestModel booster, const registry::Signature& signature) {
  if (!signature_names(signature).empty()) booster.feature_names.clear();
  return input_names(booster, signature);
}

}  // namespace

ForestRuntime::ForestRuntime(Forest forest, std::vector<std::string> columns, std::string_view platform)
    : forest_(std::move(forest)), columns_(std::move(columns)), platform_(platform) {
  for (const std::string& name : columns_) inputs_.push_back({.name = name});
  outputs_.push_back({.name = std::string(kOutput)});
  if (forest_.outputs() > 1) outputs_[0].shape.push_back(static_cast<std::int64_t>(forest_.outputs()));
}

Result<std::vector<Tensor>> ForestRuntime::infer(std::span<const TensorView> inputs) const {
  const std::size_t rows = inputs[0].data.size() / sizeof(double);
  std::vector<double> values(rows * inputs.size());
  for (std::size_t column = 0; column < inputs.size(); ++column) {
    for (std::size_t row = 0; row < rows; ++row) {
      values[row * inputs.size() + column] = element<double>(inputs[column].data, row);
    }
  }
  return score_vectors(*this, values, rows);
}

Result<std::unique_ptr<const Runtime>> ForestRuntime::make(const ForestModel& model, std::vector<std::string> columns,
                                                           std::string_view platform) {
  return std::unique_ptr<const Runtime>(new ForestRuntime(TRY(Forest::build(model)), std::move(columns), platform));
}

Result<std::unique_ptr<const Runtime>> ForestRuntime::load_xgboost(const std::filesystem::path& folder,
                                                                   const registry::MlModel& model) {
  const registry::Flavor& flavor = *model.find_flavor("xgboost");
  ForestModel booster = TRY(read_xgboost_model(TRY(read_file(TRY(data_file(folder, flavor))))));
  if (option(flavor, "model_class").starts_with("xgboost.sklearn.")) keep_iterations(booster, booster.best_iteration);
  return make(booster, TRY(input_names(booster, model.signature)), "xgboost_mlmodel");
}

Result<std::unique_ptr<const Runtime>> ForestRuntime::load_lightgbm(const std::filesystem::path& folder,
                                                                    const registry::MlModel& model) {
  const registry::Flavor& flavor = *model.find_flavor("lightgbm");
  const std::string kind = option(flavor, "model_class");
  if (!kind.empty() && kind != "lightgbm.basic.Booster") {
    return fail(Code::kUnimplemented, "a {} is kept as a pickle, which is not run; log its booster_ instead", kind);
  }
  const ForestModel booster = TRY(read_lightgbm_model(TRY(read_file(TRY(data_file(folder, flavor))))));
  if (booster.has_category_names) {
    return fail(Code::kUnimplemented,
                "the model was trained on columns of pandas' categories; train it on their codes");
  }
  return make(booster, TRY(renamed_input_names(booster, model.signature)), "lightgbm_mlmodel");
}

}  // namespace millrace::serving
