#include "registry/mlmodel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "base/hash.h"

namespace millrace::registry {
namespace {

using ::testing::HasSubstr;

class MlModelTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) { std::ofstream(folder.path() / name) << text; }
  std::string read(const std::string& name) { return MUST(read_file(folder.path() / name)); }

  TemporaryDirectory folder;
  const XgboostModel model{.xgboost_version = "1.7.4",
                           .signature = {.inputs = {{"distance", DataType::kDouble}, {"it's", DataType::kLong, false}},
                                         .outputs = {{"probability", DataType::kDouble}}},
                           .run_id = "1234567890123456789012345678901e",
                           .model_uuid = "046b5584f25e40819cd920db99abe1cf",
                           .created = time_of("2001-03-01T06:00:00Z"),
                           .input_example = R"({"columns": ["distance", "it's"], "data": [[100.0, 7]]})"};

 private:
  static Timestamp time_of(std::string_view text) { return MUST(parse_time(text)); }
};

// This folder, with a booster of XGBoost 1.7.4 in it, was loaded by mlflow 3.17.2 (docs/formats/mlmodel.md).
TEST_F(MlModelTest, IsWrittenAsMlflowReadsIt) {
  write("model.ubj", "x");
  MUST(write_mlmodel(folder.path(), model));
  EXPECT_EQ(read("MLmodel"), R"(flavors:
  python_function:
    data: 'model.ubj'
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.xgboost
    python_version: '3.11'
  xgboost:
    code: null
    data: 'model.ubj'
    model_class: xgboost.core.Booster
    model_format: ubj
    xgb_version: '1.7.4'
model_uuid: '046b5584f25e40819cd920db99abe1cf'
run_id: '1234567890123456789012345678901e'
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
signature:
  inputs: '[{"type":"double","name":"distance","required":true},{"type":"long","name":"it''s","required":false}]'
  outputs: '[{"type":"double","name":"probability","required":true}]'
  params: null
utc_time_created: '2001-03-01 06:00:00'
)");
  EXPECT_EQ(read("requirements.txt"), "mlflow>=2.9\nnumpy\npandas\nscipy\nxgboost>=1.7.4\n");
  EXPECT_EQ(read("serving_input_example.json"),
            R"({"dataframe_split":{"columns":["distance","it's"],"data":[[100.0,7]]}})");
}

TEST_F(MlModelTest, WhatIsWrittenIsRead) {
  write("model.ubj", "x");
  MUST(write_mlmodel(folder.path(), model));
  const MlModel read = MUST(read_mlmodel(folder.path()));
  EXPECT_EQ(signature_json(read.signature), signature_json(model.signature));
  EXPECT_EQ(read.run_id, model.run_id);
  EXPECT_EQ(read.model_uuid, model.model_uuid);
  ASSERT_NE(read.find_flavor("xgboost"), nullptr);
  EXPECT_EQ(read.find_flavor("xgboost")->options.at("data"), "model.ubj");
  EXPECT_EQ(read.find_flavor("xgboost")->options.contains("code"), false);
  EXPECT_EQ(read.find_flavor("python_function")->options.at("env"),
            R"({"conda":"conda.yaml","virtualenv":"python_env.yaml"})");
  EXPECT_EQ(read.find_flavor("sklearn"), nullptr);
}

TEST_F(MlModelTest, TheSameModelGivesTheSameBytes) {
  write("model.ubj", "x");
  MUST(write_mlmodel(folder.path(), model));
  const std::string first = MUST(sha256_tree(folder.path()));
  MUST(write_mlmodel(folder.path(), model));
  EXPECT_EQ(MUST(sha256_tree(folder.path())), first);
}

// As mlflow 3.17.2 wrote it.
TEST_F(MlModelTest, MlflowsOwnFileIsRead) {
  write("MLmodel", R"(flavors:
  python_function:
    data: model.ubj
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.xgboost
    python_version: 3.11.7
  xgboost:
    code: null
    data: model.ubj
    model_class: xgboost.core.Booster
    model_format: ubj
    xgb_version: 3.2.0
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: null
model_size_bytes: 6959
model_uuid: 046b5584f25e40819cd920db99abe1cf
prompts: null
signature:
  inputs: '[{"type": "double", "name": "distance", "required": true}, {"type": "double",
    "name": "hour", "required": true}, {"type": "long", "name": "origin_delay",
    "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-21 23:04:39.814079'
)");
  const MlModel read = MUST(read_mlmodel(folder.path()));
  EXPECT_EQ(read.mlflow_version, "3.17.2");
  ASSERT_EQ(read.signature.inputs.size(), 3U);
  EXPECT_EQ(read.signature.inputs[2].name, "origin_delay");
  EXPECT_EQ(read.signature.inputs[2].type, DataType::kLong);
  EXPECT_FALSE(read.signature.inputs[2].required);
  ASSERT_EQ(read.signature.outputs.size(), 1U);
  EXPECT_EQ(read.signature.outputs[0].type, DataType::kFloat);
}

TEST_F(MlModelTest, AModelWithoutASignatureIsRead) {
  write("MLmodel", "flavors:\n  onnx:\n    data: model.onnx\n");
  EXPECT_TRUE(MUST(read_mlmodel(folder.path())).signature.inputs.empty());
}

TEST_F(MlModelTest, FaultsAreNamed) {
  const auto fault = [&](std::string_view text) {
    write("MLmodel", text);
    return read_mlmodel(folder.path()).error();
  };
  EXPECT_EQ(read_mlmodel(folder.path()).error().code, Code::kNotFound);
  EXPECT_THAT(fault("flavors: [").message, HasSubstr("MLmodel:1:"));
  EXPECT_THAT(fault("- a\n").message, HasSubstr("MLmodel is not a mapping"));
  EXPECT_THAT(fault("run_id: x\n").message, HasSubstr("names no flavors"));
  constexpr std::string_view flavors = "flavors:\n  xgboost:\n    data: m\n";
  EXPECT_EQ(fault(fmt::format("{}signature:\n  inputs: '[{{'\n", flavors)).code, Code::kInvalidArgument);
  EXPECT_THAT(
      fault(fmt::format("{}signature:\n  inputs: '[{{\"type\": \"map\", \"name\": \"x\"}}]'\n", flavors)).message,
      HasSubstr("column \"x\" has the type \"map\", which is not supported"));
}

TEST_F(MlModelTest, TheBoosterMustBeThere) {
  EXPECT_THAT(write_mlmodel(folder.path(), model).error().message, HasSubstr("has no file model.ubj"));
  XgboostModel text = model;
  text.data = "model.txt";
  EXPECT_EQ(write_mlmodel(folder.path(), text).error().code, Code::kInvalidArgument);
}

TEST(Signature, EveryTypeComesBack) {
  Signature signature;
  for (const char* name : {"boolean", "integer", "long", "float", "double", "string", "binary", "datetime"}) {
    DataType type{};
    ASSERT_TRUE(from_text(name, type));
    EXPECT_EQ(to_text(type), name);
    signature.inputs.push_back({name, type});
  }
  EXPECT_EQ(signature_json(MUST(parse_signature(signature_json(signature)))), signature_json(signature));
  EXPECT_TRUE(MUST(parse_signature("")).inputs.empty());
}

TEST(Signature, TensorsKeepTheirTypeAndShape) {
  const Signature signature = MUST(parse_signature(
      R"({"inputs": [{"type": "tensor", "name": "x", "tensor-spec": {"dtype": "uint8", "shape": [-1, 3]}}],
          "params": [{"name": "temperature", "type": "double", "default": 1.0, "shape": null}]})"));
  ASSERT_EQ(signature.inputs.size(), 1);
  EXPECT_EQ(signature.inputs[0].type, DataType::kInteger);
  ASSERT_TRUE(signature.inputs[0].tensor);
  EXPECT_EQ(signature.inputs[0].tensor->dtype, "uint8");
  EXPECT_THAT(signature.inputs[0].tensor->shape, testing::ElementsAre(-1, 3));
  EXPECT_THAT(signature.params, testing::ElementsAre("temperature"));
  EXPECT_EQ(signature_json(MUST(parse_signature(signature_json(signature)))), signature_json(signature));
}

TEST(Signature, ATensorWithoutAShapeIsRefused) {
  EXPECT_FALSE(parse_signature(R"({"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "int8"}}]})"));
  EXPECT_FALSE(parse_signature(R"({"inputs": [{"type": "tensor", "tensor-spec": 1}]})"));
}

}  // namespace
}  // namespace millrace::registry
