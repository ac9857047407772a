#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "registry/mlmodel.h"

namespace millrace::registry {

namespace {

// The environment that the folder asks for. MLflow builds it when it serves the model in one of its own.
constexpr std::string_view kPython = "3.11";
constexpr std::string_view kRequirements[] = {"mlflow>=2.9", "numpy", "pandas", "scipy"};

// A YAML string in single quotes: within them only the quote itself is special.
std::string yaml_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

// "2001-03-01 06:00:00", the form MLflow itself writes.
std::string created_text(Timestamp created) {
  std::string text = format_time(created);
  std::erase(text, 'Z');
  if (const auto t = text.find('T'); t != std::string::npos) text[t] = ' ';
  return text;
}

std::vector<std::string> requirements(const XgboostModel& model) {
  std::vector<std::string> list(std::begin(kRequirements), std::end(kRequirements));
  list.push_back(fmt::format("xgboost>={}", model.xgboost_version));
  return list;
}

std::string requirements_txt(const XgboostModel& model) {
  std::string text;
  for (const std::string& line : requirements(model)) text += line + "\n";
  return text;
}

std::string conda_yaml(const XgboostModel& model) {
  std::string text = fmt::format("channels:\n- conda-forge\ndependencies:\n- python={}\n- pip\n- pip:\n", kPython);
  for (const std::string& line : requirements(model)) text += fmt::format("  - {}\n", line);
  return text + "name: mlflow-env\n";
}

std::string python_env_yaml() {
  return fmt::format(
      "python: {}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n",
      yaml_text(kPython));
}

std::string flavors_yaml(const XgboostModel& model) {
  const std::string format = std::filesystem::path(model.data).extension().string().substr(1);
  return fmt::format(
      R"(flavors:
  python_function:
    data: {0}
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.xgboost
    python_version: {1}
  xgboost:
    code: null
    data: {0}
    model_class: xgboost.core.Booster
    model_format: {2}
    xgb_version: {3}
)",
      yaml_text(model.data), yaml_text(kPython), format, yaml_text(model.xgboost_version));
}

std::string signature_yaml(const Signature& signature) {
  const Json json = Json::parse(signature_json(signature));
  return fmt::format("signature:\n  inputs: {}\n  outputs: {}\n  params: null\n", yaml_text(dump_json(json["inputs"])),
                     yaml_text(dump_json(json["outputs"])));
}

constexpr std::string_view kInputExampleYaml = R"(saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
)";

std::string mlmodel_yaml(const XgboostModel& model) {
  std::string text = flavors_yaml(model);
  text += fmt::format("model_uuid: {}\n", yaml_text(model.model_uuid));
  if (!model.run_id.empty()) text += fmt::format("run_id: {}\n", yaml_text(model.run_id));
  if (!model.input_example.empty()) text += kInputExampleYaml;
  text += signature_yaml(model.signature);
  return text + fmt::format("utc_time_created: {}\n", yaml_text(created_text(model.created)));
}

Result<void> check_data(const std::filesystem::path& folder, const std::string& data) {
  const std::string extension = std::filesystem::path(data).extension().string();
  if (extension != ".ubj" && extension != ".json") {
    return invalid_argument("\"{}\" is not a booster's file: *.ubj and *.json are", data);
  }
  if (!std::filesystem::is_regular_file(folder / data)) return not_found("{} has no file {}", folder.string(), data);
  return {};
}

Result<void> write_input_example(const std::filesystem::path& folder, const std::string& example) {
  const Json json = TRY(parse_json(example));
  TRY(write_file(folder / "input_example.json", dump_json(json)));
  return write_file(folder / "serving_input_example.json", dump_json({{"dataframe_split", json}}));
}

}  // namespace

Result<void> write_mlmodel(const std::filesystem::path& folder, const XgboostModel& model) {
  TRY(check_data(folder, model.data));
  TRY(write_file(folder / "requirements.txt", requirements_txt(model)));
  TRY(write_file(folder / "conda.yaml", conda_yaml(model)));
  TRY(write_file(folder / "python_env.yaml", python_env_yaml()));
  if (!model.input_example.empty()) TRY(write_input_example(folder, model.input_example));
  return write_file(folder / "MLmodel", mlmodel_yaml(model));
}

}  // namespace millrace::registry
