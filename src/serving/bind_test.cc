#include "serving/bind.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace millrace::serving {
namespace {

const std::vector<duck::ColumnType> kColumns = {{"origin", duck::Type::kVarchar},
                                                {"distance", duck::Type::kBigint},
                                                {"speed", duck::Type::kDouble},
                                                {"booked", duck::Type::kTimestamp},
                                                {"cargo", duck::Type::kBoolean}};

template <typename Values>
std::span<const std::byte> bytes(const Values& values) {
  return std::as_bytes(std::span(values));
}

struct Request {
  std::vector<std::string_view> origins = {"DFW", "ORD"};
  std::vector<std::int64_t> distances = {100, 200};
  std::vector<double> speeds = {1.5, NAN};
  std::vector<std::int64_t> booked = {1, 2};
  std::array<bool, 2> cargo = {true, false};
  std::vector<std::int64_t> shape = {2};

  std::vector<TensorView> tensors() const {
    return {{"cargo", Datatype::kBool, shape, bytes(cargo), {}},
            {"origin", Datatype::kBytes, shape, {}, origins},
            {"distance", Datatype::kInt64, shape, bytes(distances), {}},
            {"speed", Datatype::kFp64, shape, bytes(speeds), {}},
            {"booked", Datatype::kInt64, shape, bytes(booked), {}}};
  }
};

std::string error_of(const std::vector<TensorView>& tensors) {
  const auto bound = bind_inputs("delays", kColumns, tensors);
  return bound ? "" : bound.error().message;
}

TEST(BindTest, OrdersColumnsByNameIntoRows) {
  const Request request;
  const BoundInputs bound = MUST(bind_inputs("delays", kColumns, request.tensors()));
  ASSERT_EQ(bound.rows, 2U);
  ASSERT_EQ(bound.values.size(), 10U);
  EXPECT_EQ(bound.values[0].text, "DFW");
  EXPECT_EQ(bound.values[1].integer, 100);
  EXPECT_EQ(bound.values[2].number, 1.5);
  EXPECT_EQ(bound.values[4].integer, 1);
  EXPECT_EQ(bound.values[5].text, "ORD");
  EXPECT_TRUE(bound.values[7].is_null());
}

TEST(BindTest, TakesIntegersAndBooleansForDoublesAndTextsForTimestamps) {
  const Request request;
  auto tensors = request.tensors();
  tensors[3] = {"speed", Datatype::kInt64, request.shape, bytes(request.distances), {}};
  const std::vector<std::string_view> times = {"1970-01-01T00:00:01Z", "1970-01-02"};
  tensors[4] = {"booked", Datatype::kBytes, request.shape, {}, times};
  const BoundInputs bound = MUST(bind_inputs("delays", kColumns, tensors));
  EXPECT_EQ(bound.values[2].number, 100.0);
  EXPECT_EQ(bound.values[3].integer, 1000000);
  tensors[3] = {"speed", Datatype::kBool, request.shape, bytes(request.cargo), {}};
  EXPECT_EQ(MUST(bind_inputs("delays", kColumns, tensors)).values[2].number, 1.0);
}

TEST(BindTest, SaysWhatDoesNotFit) {
  const Request request;
  auto tensors = request.tensors();
  tensors.pop_back();
  EXPECT_EQ(error_of(tensors), "endpoint delays needs input \"booked\"");

  tensors = request.tensors();
  tensors[1].name = "orgin";
  EXPECT_EQ(error_of(tensors), "endpoint delays has no input \"orgin\"; did you mean \"origin\"?");

  tensors = request.tensors();
  tensors.push_back({"extra", Datatype::kInt64, request.shape, bytes(request.distances), {}});
  EXPECT_EQ(error_of(tensors), "endpoint delays has no input \"extra\"");
  tensors.back().name = "origin";
  EXPECT_EQ(error_of(tensors), "an input of the request is given twice");

  tensors = request.tensors();
  tensors[2] = {"distance", Datatype::kFp64, request.shape, bytes(request.speeds), {}};
  EXPECT_EQ(error_of(tensors), "input \"distance\" has datatype FP64; it must be INT64");

  tensors = request.tensors();
  const std::vector<std::string_view> times = {"soon", "later"};
  tensors[4] = {"booked", Datatype::kBytes, request.shape, {}, times};
  EXPECT_TRUE(error_of(tensors).starts_with("input \"booked\": "));

  tensors = request.tensors();
  const std::vector<std::int64_t> one = {1}, three = {3}, square = {2, 2}, column = {2, 1};
  tensors[2].shape = three;
  EXPECT_EQ(error_of(tensors), "input \"distance\" is of shape [3] but has 2 values");
  tensors[2].shape = square;
  EXPECT_EQ(error_of(tensors), "input \"distance\" must be of shape [n] or [n,1]");
  tensors[2].shape = column;
  EXPECT_EQ(error_of(tensors), "");
  tensors[2] = {"distance", Datatype::kInt64, one, bytes(std::span(request.distances).first(1)), {}};
  EXPECT_EQ(error_of(tensors), "input \"distance\" has 1 rows, but \"origin\" has 2");
}

// A model of an image, a word and, optionally, a weight for each row.
const std::vector<TensorSpec> kModel = {{"image", Datatype::kFp32, {kAny, 2, 2}},
                                        {"word", Datatype::kBytes, {kAny}},
                                        {"weight", Datatype::kInt32, {kAny, 1}, true}};

struct ModelRequest {
  std::vector<float> pixels = {1, 2, 3, 4};
  std::vector<std::int64_t> image = {1, 2, 2}, row = {1};
  std::vector<std::string_view> words = {"cat"};
  std::vector<TensorView> tensors() const {
    return {{"word", Datatype::kBytes, row, {}, words}, {"image", Datatype::kFp32, image, bytes(pixels), {}}};
  }
};

std::string model_error(const std::vector<TensorView>& tensors) {
  const auto bound = bind_tensors("e", kModel, tensors);
  return bound ? "" : bound.error().message;
}

TEST(BindTensorsTest, PutsTensorsIntoTheModelsOrder) {
  const ModelRequest request;
  const BoundTensors bound = MUST(bind_tensors("e", kModel, request.tensors()));
  ASSERT_EQ(bound.views.size(), 3U);
  EXPECT_EQ(bound.rows, 1U);
  EXPECT_EQ(bound.views[0].data.data(), bytes(request.pixels).data());  // not copied
  EXPECT_EQ(bound.views[1].texts[0], "cat");
  EXPECT_EQ(bound.views[2].name, "");
}

TEST(BindTensorsTest, ConvertsWhatTheModelsDatatypeHolds) {
  const ModelRequest request;
  auto tensors = request.tensors();
  const std::vector<double> pixels = {0.5, NAN, 3, 4};
  tensors[1] = {"image", Datatype::kFp64, request.image, bytes(pixels), {}};
  const std::vector<std::int64_t> weight = {-7};
  tensors.push_back({"weight", Datatype::kInt64, request.row, bytes(weight), {}});
  const BoundTensors bound = MUST(bind_tensors("e", kModel, tensors));
  EXPECT_EQ(element<float>(bound.views[0].data, 0), 0.5F);
  EXPECT_TRUE(std::isnan(element<float>(bound.views[0].data, 1)));
  EXPECT_EQ(bound.views[2].datatype, Datatype::kInt32);
  EXPECT_EQ(element<std::int32_t>(bound.views[2].data, 0), -7);
  EXPECT_EQ(shape_text(bound.views[2].shape), "[1,1]");
}

TEST(BindTensorsTest, SaysWhatDoesNotFit) {
  const ModelRequest request;
  auto tensors = request.tensors();
  tensors.pop_back();
  EXPECT_EQ(model_error(tensors), "endpoint e needs input \"image\"");
  tensors = request.tensors();
  tensors[1].name = "imago";
  EXPECT_EQ(model_error(tensors), "endpoint e needs input \"image\"");
  tensors = request.tensors();
  tensors.push_back({"weigth", Datatype::kInt32, request.row, {}, {}});
  EXPECT_EQ(model_error(tensors), "endpoint e has no input \"weigth\"; did you mean \"weight\"?");
  tensors.back() = tensors.front();
  EXPECT_EQ(model_error(tensors), "an input of the request is given twice");

  const std::vector<std::int64_t> flat = {1, 4}, negative = {-1, 2, 2}, huge = {1LL << 40, 1LL << 40, 2}, two = {2};
  tensors = request.tensors();
  tensors[1].shape = flat;
  EXPECT_EQ(model_error(tensors), "input \"image\" is of shape [1,4]; it must be of [-1,2,2]");
  tensors[1].shape = negative;
  EXPECT_EQ(model_error(tensors), "a shape has the negative extent -1");
  tensors[1].shape = huge;
  EXPECT_TRUE(model_error(tensors).starts_with("a shape has more than"));
  tensors = request.tensors();
  tensors[0].shape = two;
  EXPECT_EQ(model_error(tensors), "input \"word\" is of shape [2] but has 1 values");
  const std::vector<std::string_view> words = {"cat", "dog"};
  tensors[0].texts = words;
  EXPECT_EQ(model_error(tensors), "input \"word\" has 2 rows, but \"image\" has 1");

  const std::vector<std::int64_t> wide = {1LL << 40};
  tensors = request.tensors();
  tensors.push_back({"weight", Datatype::kInt64, request.row, bytes(wide), {}});
  EXPECT_EQ(model_error(tensors), "input \"weight\" has a value that is no INT32");
  tensors.back().datatype = Datatype::kFp64;
  EXPECT_EQ(model_error(tensors), "input \"weight\" has datatype FP64; it must be INT32");
}

}  // namespace
}  // namespace millrace::serving
