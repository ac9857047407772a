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

struct Request {
  std::vector<std::string_view> origins = {"DFW", "ORD"};
  std::vector<std::int64_t> distances = {100, 200};
  std::vector<double> speeds = {1.5, NAN};
  std::vector<std::int64_t> booked = {1, 2};
  std::array<bool, 2> cargo = {true, false};
  std::vector<std::int64_t> shape = {2};

  std::vector<InputTensor> tensors() const {
    return {{"cargo", shape, std::span<const bool>(cargo)},
            {"origin", shape, std::span<const std::string_view>(origins)},
            {"distance", shape, std::span<const std::int64_t>(distances)},
            {"speed", shape, std::span<const double>(speeds)},
            {"booked", shape, std::span<const std::int64_t>(booked)}};
  }
};

std::string error_of(const std::vector<InputTensor>& tensors) {
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
  tensors[3].data = std::span<const std::int64_t>(request.distances);
  const std::vector<std::string_view> times = {"1970-01-01T00:00:01Z", "1970-01-02"};
  tensors[4].data = std::span<const std::string_view>(times);
  const BoundInputs bound = MUST(bind_inputs("delays", kColumns, tensors));
  EXPECT_EQ(bound.values[2].number, 100.0);
  EXPECT_EQ(bound.values[3].integer, 1000000);
  tensors[3].data = std::span<const bool>(request.cargo);
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
  tensors.push_back({"extra", request.shape, std::span<const std::int64_t>(request.distances)});
  EXPECT_EQ(error_of(tensors), "endpoint delays has no input \"extra\"");
  tensors.back().name = "origin";
  EXPECT_EQ(error_of(tensors), "an input of the request is given twice");

  tensors = request.tensors();
  tensors[2].data = std::span<const double>(request.speeds);
  EXPECT_EQ(error_of(tensors), "input \"distance\" has datatype FP64; it must be INT64");

  tensors = request.tensors();
  const std::vector<std::string_view> times = {"soon", "later"};
  tensors[4].data = std::span<const std::string_view>(times);
  EXPECT_TRUE(error_of(tensors).starts_with("input \"booked\": "));

  tensors = request.tensors();
  const std::vector<std::int64_t> one = {1}, three = {3}, square = {2, 2}, column = {2, 1};
  tensors[2].shape = three;
  EXPECT_EQ(error_of(tensors), "input \"distance\" is of shape [3] but has 2 values");
  tensors[2].shape = square;
  EXPECT_EQ(error_of(tensors), "input \"distance\" must be of shape [n] or [n,1]");
  tensors[2].shape = column;
  EXPECT_EQ(error_of(tensors), "");
  tensors[2] = {"distance", one, std::span<const std::int64_t>(request.distances).first(1)};
  EXPECT_EQ(error_of(tensors), "input \"distance\" has 1 rows, but \"origin\" has 2");
}

}  // namespace
}  // namespace millrace::serving
