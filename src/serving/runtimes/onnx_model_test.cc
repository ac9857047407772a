#include "serving/runtimes/onnx_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/runtimes/onnx_for_tests.h"

namespace millrace::serving {
namespace {

using namespace onnx_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(OnnxModelTest, AZipMapIsGivenUpForTheMatrixThatItMadeMapsOf) {
  const OnnxModel texts = MUST(read_onnx_model(no_and_yes()));
  EXPECT_THAT(texts.labels.at("scores"), ElementsAre("no", "yes"));
  EXPECT_THAT(texts.bytes, Not(HasSubstr("ZipMap")));
  const std::vector<std::int64_t> classes = {-1, 0, 7};
  const OnnxModel numbers = MUST(read_onnx_model(zip_map(integers("classlabels_int64s", classes), 3)));
  EXPECT_THAT(numbers.labels.at("scores"), ElementsAre("-1", "0", "7"));
}

TEST(OnnxModelTest, OtherModelsStayAsTheyAre) {
  const std::string bytes = one_operator("Relu", kFloat, {-1, 2});
  const OnnxModel model = MUST(read_onnx_model(bytes));
  EXPECT_EQ(model.bytes, bytes);
  EXPECT_THAT(model.labels, IsEmpty());
  EXPECT_THAT(model.external_files, IsEmpty());
}

TEST(OnnxModelTest, FilesAreFoundWhereverTensorsCanBe) {
  const Graph inner{.outputs = {{"w"}}, .nodes = {}, .tensors = {external_tensor("w", {1}, "inner.bin")}};
  const Graph outer{.outputs = {{"y"}},
                    .nodes = {{"If", {"x"}, {"y"}, {subgraph("then_branch", inner)}}},
                    .tensors = {external_tensor("a", {1}, "../outer.bin"), external_tensor("b", {1}, "../outer.bin")}};
  EXPECT_THAT(MUST(read_onnx_model(model(outer))).external_files, ElementsAre("inner.bin", "../outer.bin"));
}

TEST(OnnxModelTest, WhatIsNoModelIsAnErrorOrLeftToOnnxRuntime) {
  EXPECT_THAT(read_onnx_model("no protobuf").error().message, HasSubstr("not an ONNX model: "));
  const std::string whole = no_and_yes();
  for (std::size_t size = 0; size < whole.size(); ++size) (void)read_onnx_model(whole.substr(0, size));
}

TEST(OnnxModelTest, GraphsInGraphsInGraphsComeToAnEnd) {
  Graph graph{.outputs = {{"y"}}};
  for (int i = 0; i < 60; ++i) {
    Graph around{.outputs = {{"y"}}, .nodes = {{"If", {"x"}, {"y"}, {subgraph("then_branch", graph)}}}};
    graph = std::move(around);
  }
  EXPECT_THAT(read_onnx_model(model(graph)).error().message, HasSubstr("nested more than 100 levels deep"));
}

}  // namespace
}  // namespace millrace::serving
