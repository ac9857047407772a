#include "serving/runtime.h"

#include <fmt/ranges.h>

#include "registry/mlmodel.h"
#include "serving/golden.h"
#include "serving/runtimes/forest_runtime.h"
#include "serving/runtimes/onnx_runtime.h"

namespace millrace::serving {
namespace {

Result<std::unique_ptr<const Runtime>> load_flavor(const std::filesystem::path& folder,
                                                   const registry::MlModel& model) {
  if (model.find_flavor("xgboost") != nullptr) return ForestRuntime::load_xgboost(folder, model);
  if (model.find_flavor("lightgbm") != nullptr) return ForestRuntime::load_lightgbm(folder, model);
  if (model.find_flavor("onnx") != nullptr) return OnnxRuntime::load(folder, model);
  std::vector<std::string> names;
  for (const registry::Flavor& flavor : model.flavors) names.push_back(flavor.name);
  return fail(Code::kUnimplemented, "model has the flavors {}; only xgboost, lightgbm and onnx can be served",
              fmt::join(names, ", "));
}

}  // namespace

Result<std::unique_ptr<const Runtime>> load_runtime(const std::filesystem::path& folder) {
  const registry::MlModel model = TRY(registry::read_mlmodel(folder));
  std::unique_ptr<const Runtime> runtime = TRY(load_flavor(folder, model));
  TRY(check_golden_rows(*runtime, folder));
  return runtime;
}

}  // namespace millrace::serving
