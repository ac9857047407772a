#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::registry {

// MLflow's column types.
enum class DataType { kBoolean, kInteger, kLong, kFloat, kDouble, kString, kBinary, kDatetime };
std::string_view to_text(DataType type);  // "double"
bool from_text(std::string_view text, DataType& type);

// What a tensor of a signature is made of; an extent of -1 is any.
struct TensorType {
  std::string dtype;  // NumPy's name: "float32"
  std::vector<std::int64_t> shape;
};

// One column or one tensor of a signature.
struct ColumnSpec {
  std::string name;                   // may be empty for an only output
  DataType type = DataType::kDouble;  // of a tensor: the nearest
  bool required = true;
  std::optional<TensorType> tensor = {};
};

struct Signature {
  std::vector<ColumnSpec> inputs;
  std::vector<ColumnSpec> outputs;
  std::vector<std::string> params = {};  // the names of what a request may set
};

// {"inputs": [...], "outputs": [...], "params": [...]}, as ModelVersion::signature keeps it.
std::string signature_json(const Signature& signature);
Result<Signature> parse_signature(std::string_view json);

// One way to load the model. A value that is not a scalar is its JSON.
struct Flavor {
  std::string name;  // "xgboost", "python_function"
  std::map<std::string, std::string> options;
};

// What the file MLmodel of a model folder says.
struct MlModel {
  std::vector<Flavor> flavors;
  Signature signature;
  std::string run_id;
  std::string model_uuid;
  std::string mlflow_version;
  std::string utc_time_created;

  const Flavor* find_flavor(std::string_view name) const;
};

// Reads FOLDER/MLmodel. kNotFound where there is none; a fault of the file is kInvalidArgument with its line.
Result<MlModel> read_mlmodel(const std::filesystem::path& folder);

// A booster to be described for MLflow.
struct XgboostModel {
  std::string data = "model.ubj";  // the file's name in the folder: *.ubj or *.json
  std::string xgboost_version;     // "1.7.4"
  Signature signature;
  std::string run_id;
  std::string model_uuid;  // 32 hexadecimal digits
  Timestamp created;
  std::string input_example;  // JSON, {"columns": [...], "data": [[...]]}; or empty
};

// Writes MLmodel, conda.yaml, python_env.yaml, requirements.txt and, if given, input_example.json into `folder`, beside
// the booster's file that stands there already. The folder is then one that `mlflow.pyfunc.load_model` and
// `mlflow.xgboost.load_model` load (docs/formats/mlmodel.md). The same model gives the same bytes.
Result<void> write_mlmodel(const std::filesystem::path& folder, const XgboostModel& model);

}  // namespace millrace::registry
