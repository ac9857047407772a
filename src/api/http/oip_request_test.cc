#include "api/http/oip_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "api/http/classification.h"
#include "api/http/oip_raw.h"

namespace millrace::api {
namespace {

using serving::Datatype;
using serving::Tensor;
using serving::TensorSpec;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
std::string bytes(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

std::string text_bytes(std::string_view text) { return bytes({static_cast<std::uint32_t>(text.size())}).append(text); }

std::string input(std::string_view type, std::string_view shape, std::int64_t size) {
  return fmt::format(
      R"({{"inputs":[{{"name":"x","datatype":"{}","shape":{},"parameters":{{"binary_data_size":{}}}}}]}})", type, shape,
      size);
}

TEST(OipRequest, BinaryDataAreViewedBehindTheJson) {
  OipReader reader;
  const std::string json = R"({"inputs":[
    {"name":"a","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}},
    {"name":"b","datatype":"INT64","shape":[1],"data":[7]},
    {"name":"c","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":11}}]})";
  const std::string body = json + bytes({1.5F, -2.0F}) + text_bytes("hey") + text_bytes("");
  const auto request = MUST(reader.read(body, json.size()));
  ASSERT_EQ(request.infer.inputs.size(), 3);
  EXPECT_EQ(serving::element<float>(request.infer.inputs[0].data, 1), -2);
  EXPECT_EQ(serving::element<std::int64_t>(request.infer.inputs[1].data, 0), 7);
  EXPECT_THAT(request.infer.inputs[2].texts, ElementsAre("hey", ""));
}

// The classes of malformed requests that Triton's own tests name.
TEST(OipRequest, BinaryDataThatDoNotFitAreRefused) {
  struct Case {
    std::string json, rest, fault;
  };
  const Case cases[] = {
      {input("FP32", "[2]", 8), bytes({1.F}), "binary_data_size of 8, but 4 bytes are left"},
      {input("FP32", "[2]", 8), bytes({1.F, 2.F, 3.F}), "4 bytes of the body belong to no input"},
      {input("FP32", "[2]", 4), bytes({1.F}), "has 4 bytes; FP32 of shape [2] are 8"},
      {input("FP32", "[2]", -8), bytes({1.F, 2.F}), "binary_data_size of -8"},
      {input("FP32", "[-2]", 8), bytes({1.F, 2.F}), "negative extent -2"},
      {input("FP32", "[4611686018427387904,4]", 0), "", "more than"},
      {input("FP32", "[2147483648,2147483648,4]", 0), "", "more than"},
      {input("BYTES", "[1]", 4), bytes({std::uint32_t{5}}), "text of 5 bytes, but only 0 are left"},
      {input("BYTES", "[1]", 4), bytes({std::uint32_t{0xffffffff}}), "text of 4294967295 bytes"},
      {input("BYTES", "[1]", 3), "abc", "ends within the length"},
      {input("BYTES", "[1]", 8), text_bytes("") + text_bytes(""), "more values than its shape"},
      {input("BYTES", "[2]", 4), text_bytes(""), "has 1 values, but its shape has 2"},
      {input("BOOL", "[1]", 1), "\x02", "neither 0 nor 1"},
      {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":"4"}}]})", "1234",
       "must be a whole number"},
      {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]})", "1234", "needs \"data\""},
      {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"shared_memory_region":"r"}}]})", "",
       "shared memory is not supported"},
      {R"({"inputs":[]})", "1", "1 bytes of the body belong to no input"}};
  OipReader reader;
  for (const auto& [json, rest, fault] : cases) {
    const auto request = reader.read(json + rest, json.size());
    ASSERT_FALSE(request) << json;
    EXPECT_THAT(request.error().message, HasSubstr(fault));
  }
}

TEST(OipRequest, NothingIsAShapeToo) {
  OipReader reader;
  const std::string json = input("FP32", "[0,3]", 0);
  EXPECT_EQ(MUST(reader.read(json, json.size())).infer.inputs[0].data.size(), 0);
}

TEST(OipRequest, OutputsSayTheirForm) {
  OipReader reader;
  const auto request = MUST(reader.read(R"({"parameters":{"binary_data_output":true,"priority":2,"timeout":1500},
    "outputs":[{"name":"a"},{"name":"b","parameters":{"binary_data":false,"classification":3}}],"inputs":[]})"));
  EXPECT_THAT(request.infer.outputs, ElementsAre("a", "b"));
  EXPECT_THAT(request.forms, ElementsAre(OutputForm{true, 0}, OutputForm{false, 3}));
  EXPECT_EQ(request.infer.priority, 2);
  EXPECT_EQ(request.infer.timeout, Duration(1500));
  EXPECT_THAT(MUST(reader.read(R"({"inputs":[]})")).forms, ElementsAre(OutputForm{}));
  EXPECT_THAT(MUST(reader.read(R"({"parameters":{"binary_data_output":true},"inputs":[]})")).forms,
              ElementsAre(OutputForm{.binary = true}));
}

TEST(OipRequest, ParametersOfTheWrongKindAreRefused) {
  OipReader reader;
  for (const char* parameters :
       {R"("parameters":{"timeout":-1})", R"("parameters":{"priority":"high"})",
        R"("parameters":{"binary_data_output":1})", R"("parameters":[])",
        R"("outputs":[{"name":"a","parameters":{"binary_data":"yes"}}])",
        R"("outputs":[{"name":"a","parameters":{"classification":0}}])", R"("outputs":[{"name":"a","parameters":3}])"})
    EXPECT_FALSE(reader.read(fmt::format(R"({{"inputs":[],{}}})", parameters))) << parameters;
}

TEST(OipRequest, PythonsNumbersAreRead) {
  OipReader reader;
  const auto request =
      MUST(reader.read(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[3],"data":[NaN,Infinity,-Infinity]}]})"));
  const auto data = request.infer.inputs[0].data;
  EXPECT_TRUE(std::isnan(serving::element<float>(data, 0)));
  EXPECT_EQ(serving::element<float>(data, 1), INFINITY);
  EXPECT_EQ(serving::element<float>(data, 2), -INFINITY);
}

TEST(OipRequest, RawBytesFillTheOnlyInput) {
  RawReader reader;
  const std::string body = bytes({1.F, 2.F, 3.F, 4.F});
  const auto rows = MUST(reader.read(body, {{"x", Datatype::kFp32, {serving::kAny, 2}}}));
  EXPECT_THAT(rows.infer.inputs[0].shape, ElementsAre(2, 2));
  EXPECT_THAT(rows.forms, ElementsAre(OutputForm{.binary = true}));
  EXPECT_THAT(MUST(reader.read("text", {{"x", Datatype::kBytes, {1}}})).infer.inputs[0].texts, ElementsAre("text"));
  EXPECT_FALSE(reader.read(body, {{"x", Datatype::kFp32, {serving::kAny, 3}}}));
  EXPECT_FALSE(reader.read(body, {{"x", Datatype::kFp32, {serving::kAny, serving::kAny}}}));
  EXPECT_FALSE(reader.read(body, {{"x", Datatype::kFp32, {2}}}));
  EXPECT_FALSE(reader.read(body, {{"x", Datatype::kBytes, {2}}}));
  EXPECT_FALSE(reader.read(body, {}));
  EXPECT_FALSE(reader.read("", {{"x", Datatype::kFp32, {serving::kAny, 0}}}));
}

TEST(OipAnswer, BytesStandBehindTheJson) {
  serving::InferAnswer answer{.version = 3, .model_name = "m", .id = "i"};
  answer.outputs = {serving::make_tensor("a", Datatype::kFp32, {1}), serving::make_tensor("b", Datatype::kBytes, {1}),
                    serving::make_tensor("c", Datatype::kInt8, {1})};
  answer.outputs[1].texts = {"hey"};
  const std::vector<OutputForm> forms{{.binary = true}, {.binary = true}, {}};
  const auto body = oip_answer_body(answer, forms);
  EXPECT_EQ(body.text.substr(body.json_bytes), bytes({0.F}) + text_bytes("hey"));
  EXPECT_EQ(body.text.substr(0, body.json_bytes),
            R"({"model_name":"m","model_version":"3","id":"i","outputs":[)"
            R"({"name":"a","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}},)"
            R"({"name":"b","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":7}},)"
            R"({"name":"c","shape":[1],"datatype":"INT8","data":[0]}]})");
}

TEST(Classification, TheLargestComeFirst) {
  auto scores = serving::make_tensor("p", Datatype::kFp64, {2, 3});
  std::ranges::copy(std::vector<double>{0.1, 0.7, 0.2, NAN, 0.5, 0.5}, serving::elements<double>(scores).begin());
  const auto two = MUST(classes_of(scores, 2));
  EXPECT_THAT(two.shape, ElementsAre(2, 2));
  EXPECT_THAT(two.texts, ElementsAre("0.700000:1", "0.200000:2", "0.500000:1", "0.500000:2"));
  EXPECT_THAT(MUST(classes_of(scores, 9)).shape, ElementsAre(2, 3));
  auto column = serving::make_tensor("p", Datatype::kInt32, {2});
  EXPECT_THAT(MUST(classes_of(column, 1)).texts, ElementsAre("0.000000:0", "0.000000:0"));
  EXPECT_FALSE(classes_of(serving::make_tensor("p", Datatype::kBytes, {2}), 1));
}

}  // namespace
}  // namespace millrace::api
