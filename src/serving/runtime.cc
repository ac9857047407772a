#include "serving/runtime.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "registry/mlmodel.h"
#include "serving/background.h"
#include "serving/golden.h"
#include "serving/rehearsal.h"
#include "serving/runtimes/forest_runtime.h"
#include "serving/runtimes/onnx_runtime.h"
#include "serving/runtimes/python_runtime.h"

namespace millrace::serving {
namespace {

Result<std::unique_ptr<const Runtime>> load_natively(const std::filesystem::path& folder,
                                                     const registry::MlModel& model, const Rehearsal* rehearsal) {
  if (model.find_flavor("xgboost") != nullptr)
    return at_low_priority([&] { return ForestRuntime::load_xgboost(folder, model); });
  if (model.find_flavor("lightgbm") != nullptr)
    return at_low_priority([&] { return ForestRuntime::load_lightgbm(folder, model); });
  if (model.find_flavor("onnx") != nullptr) {
    if (rehearsal != nullptr) TRY(rehearsal->run(folder));
    return OnnxRuntime::load(folder, model);
  }
  std::vector<std::string> names;
  for (const registry::Flavor& flavor : model.flavors) names.push_back(flavor.name);
  return fail(Code::kUnimplemented,
              "model has the flavors {}; only xgboost, lightgbm, onnx and python_function can be served",
              fmt::join(names, ", "));
}

// What we cannot run ourselves runs in Python.
Result<std::unique_ptr<const Runtime>> load_flavor(const std::filesystem::path& folder, const registry::MlModel& model,
                                                   const LoadOptions& options) {
  auto native = load_natively(folder, model, options.rehearsal);
  const bool needs_python = !native && native.error().code == Code::kUnimplemented;
  if (!needs_python || options.python == nullptr || model.find_flavor("python_function") == nullptr) return native;
  auto python = PythonRuntime::load(*options.python, options.name, folder, options.python_options);
  const auto is_ours = [&](const char* flavor) { return model.find_flavor(flavor) != nullptr; };
  if (!python && std::ranges::any_of(std::array{"xgboost", "lightgbm", "onnx"}, is_ours)) {
    python.error().message = fmt::format("{}; and in Python: {}", native.error().message, python.error().message);
  }
  return python;
}

}  // namespace

Result<std::unique_ptr<const Runtime>> load_runtime(const std::filesystem::path& folder, const LoadOptions& options) {
  const registry::MlModel model = TRY(registry::read_mlmodel(folder));
  std::unique_ptr<const Runtime> runtime = TRY(load_flavor(folder, model, options));
  TRY(at_low_priority([&] { return check_golden_rows(*runtime, folder); }));
  return runtime;
}

}  // namespace millrace::serving
