#include "app/file_models.h"

#include "base/files.h"
#include "base/hash.h"
#include "blob/blob.h"
#include "registry/registry.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;

// What an MLmodel file must say of a file by itself.
Result<std::string> mlmodel_of(const fs::path& file) {
  const std::string extension = file.extension().string(), name = "model" + extension;
  if (extension == ".ubj" || extension == ".json")
    return fmt::format("flavors:\n  xgboost: {{data: {}, model_class: xgboost.core.Booster}}\n", name);
  if (extension == ".txt" || extension == ".lgb")
    return fmt::format("flavors:\n  lightgbm: {{data: {}, model_class: lightgbm.basic.Booster}}\n", name);
  if (extension == ".onnx") return fmt::format("flavors:\n  onnx: {{data: {}}}\n", name);
  return invalid_argument("{} is no model by itself; XGBoost's are .json and .ubj, LightGBM's .txt and .lgb, and .onnx",
                          file.filename().string());
}

}  // namespace

Result<serving::EndpointSpec> FileModels::resolve(const serving::EndpointSpec& spec, const fs::path& project) {
  if (!spec.file) return spec;
  serving::EndpointSpec resolved = spec;
  auto version = version_of(spec, project / *spec.file);
  if (!version) return std::unexpected(Error(version.error()).in(fmt::format("model file:{}", *spec.file)));
  resolved.routes.arms.front().version = *version;
  return resolved;
}

Result<std::int64_t> FileModels::version_of(const serving::EndpointSpec& spec, const fs::path& source) {
  const std::string key = fmt::format("file-models/{}/{}", spec.name, TRY(sha256_tree(source)));
  const std::string uri = "artifacts:" + key;
  if (!blobs_.stat(uri)) TRY(put(source, key));
  TRY(registry_.ensure_model(spec.model, fmt::format("The file that endpoint {} serves", spec.name)));
  return TRY(registry_.create_version({.model = spec.model, .source = uri, .key = key})).version;
}

Result<std::string> FileModels::put(const fs::path& source, const std::string& key) {
  if (fs::is_directory(source)) return blobs_.put_tree(source, key, blob::Origin::kKeep);
  const std::string mlmodel = TRY(mlmodel_of(source));
  const fs::path folder = scratch_ / "file-model";
  TRY(remove_tree(folder));
  TRY(make_directories(folder));
  TRY(write_file(folder / ("model" + source.extension().string()), TRY(read_file(source))));
  TRY(write_file(folder / "MLmodel", mlmodel));
  return blobs_.put_tree(folder, key, blob::Origin::kTake);
}

}  // namespace millrace::app
