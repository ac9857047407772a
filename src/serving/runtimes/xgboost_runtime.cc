#include "serving/runtimes/xgboost_runtime.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "base/files.h"

namespace millrace::serving {
namespace {

// The option may come from anywhere; it must not lead out of the folder.
Result<std::filesystem::path> data_file(const std::filesystem::path& folder, const registry::MlModel& model) {
  const auto& options = model.find_flavor("xgboost")->options;
  const auto data = options.find("data");
  if (data == options.end()) return invalid_argument("the xgboost flavor has no \"data\"");
  const std::filesystem::path name = data->second;
  if (name.is_absolute() || std::ranges::find(name, "..") != name.end()) {
    return invalid_argument("the xgboost flavor's data \"{}\" lies outside of the model's folder", data->second);
  }
  return folder / name;
}

std::vector<std::string> signature_names(const registry::Signature& signature) {
  std::vector<std::string> names;
  for (const registry::ColumnSpec& column : signature.inputs) {
    if (!column.name.empty()) names.push_back(column.name);
  }
  return names;
}

std::vector<std::string> numbered_names(std::int32_t count) {
  std::vector<std::string> names;
  for (std::int32_t i = 0; i < count; ++i) names.push_back(fmt::format("f{}", i));
  return names;
}

Result<std::vector<std::string>> input_names(const XgboostModel& booster, const registry::Signature& signature) {
  std::vector<std::string> names = booster.feature_names;
  if (names.empty()) names = signature_names(signature);
  if (names.empty()) names = numbered_names(booster.num_feature);
  if (names.size() != static_cast<std::size_t>(booster.num_feature)) {
    return invalid_argument("the signature has {} inputs, but the booster {} features", names.size(),
                            booster.num_feature);
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<const Runtime>> XgboostRuntime::load(const std::filesystem::path& folder,
                                                            const registry::MlModel& model) {
  const XgboostModel booster = TRY(read_xgboost_model(TRY(read_file(TRY(data_file(folder, model))))));
  std::vector<std::string> names = TRY(input_names(booster, model.signature));
  Forest forest = TRY(Forest::build(booster));
  return std::unique_ptr<const Runtime>(new XgboostRuntime(std::move(forest), std::move(names)));
}

void XgboostRuntime::score(std::span<const double> rows, std::span<double> out) const {
  boost::container::small_vector<float, 64> narrow(rows.size());
  std::ranges::transform(rows, narrow.begin(), [](double value) { return static_cast<float>(value); });
  boost::container::small_vector<float, 8> scored(out.size());
  forest_.predict(narrow, scored);
  std::ranges::copy(scored, out.begin());
}

}  // namespace millrace::serving
