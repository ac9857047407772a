#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/home_for_tests.h"
#include "serving/runtimes/onnx_for_tests.h"

namespace millrace::serving {
namespace {

using namespace onnx_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kDescription = "flavors:\n  onnx:\n    data: model.onnx\n  python_function:\n    data: x\n";

class OnnxEndpointTest : public ::testing::Test {
 protected:
  void serve(const std::string& bytes) {
    const auto folder = home_.folder.path() / "model";
    MUST(make_directories(folder));
    MUST(write_file(folder / "MLmodel", kDescription));
    MUST(write_file(folder / "model.onnx", bytes));
    home_.set_alias("champion", home_.add_folder(folder));
  }

  // One answer to a of 0.5 and b of -0.25: b2 of -0.5 and a2 of 1.
  float answer() {
    const Row row(0.5, -0.25);
    InferAnswer answer = MUST(endpoints_.infer("e", row.request("r")));
    EXPECT_EQ(answer.outputs[0].name, "y");
    return elements<float>(answer.outputs[0])[0];
  }

  const EndpointSpec spec_ = {.name = "e", .model = "m", .features = "doubled"};
  Home home_;
  Endpoints endpoints_{home_.parts()};
};

TEST_F(OnnxEndpointTest, AMatrixIsFedTheFeaturesInTheServicesOrder) {
  const std::vector<float> weights = {1, 100};
  serve(model({.inputs = {{"x", kFloat, {-1, 2}}},
               .outputs = {{"y", kFloat, {-1, 1}}},
               .nodes = {{"MatMul", {"x", "w"}, {"y"}}},
               .tensors = {tensor("w", kFloat, {2, 1}, weights)}}));
  MUST(endpoints_.apply(spec_));
  EXPECT_EQ(answer(), -0.5F + 100);
}

TEST_F(OnnxEndpointTest, ColumnsAreFedTheFeaturesOfTheirNames) {
  serve(model({.inputs = {{"a2", kFloat, {-1, 1}}, {"b2", kFloat, {-1, 1}}},
               .outputs = {{"y", kFloat, {-1, 1}}},
               .nodes = {{"Sub", {"a2", "b2"}, {"y"}}}}));
  MUST(endpoints_.apply(spec_));
  EXPECT_EQ(answer(), 1.5F);
  MUST(endpoints_.commit_predictions("e"));
  duck::Connection connection = MUST(home_.duck->connect());
  const auto version = MUST(home_.datasets->version("e.predictions"));
  const duck::Table log = MUST(connection.query("select * from " + datasets::scan_sql(version)));
  EXPECT_THAT(log.find("id")->strings, ElementsAre("r"));
  EXPECT_EQ(log.find("a2")->doubles[0], 1.0);
}

TEST_F(OnnxEndpointTest, AModelOfOtherFeaturesIsRefused) {
  serve(one_operator("Relu", kFloat, {-1, 3}));
  const auto applied = endpoints_.apply(spec_);
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, HasSubstr("there are 2 features"));
}

}  // namespace
}  // namespace millrace::serving
