#include "serving/logged_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_of(const TensorSpec& spec) {
  std::vector<std::string> names;
  for (const duck::ColumnType& column : logged_columns(spec, "p")) {
    names.push_back(fmt::format("{} {}", column.name, duck::type_name(column.type)));
  }
  return names;
}

TEST(LoggedTensorTest, RowsOfFewValuesAreColumns) {
  EXPECT_THAT(names_of({"x", Datatype::kFp32, {kAny}}), ElementsAre("p double"));
  EXPECT_THAT(names_of({"x", Datatype::kUint8, {kAny, 1}}), ElementsAre("p bigint"));
  EXPECT_THAT(names_of({"x", Datatype::kBool, {kAny, 2}}), ElementsAre("p_0 boolean", "p_1 boolean"));
  EXPECT_THAT(names_of({"x", Datatype::kBytes, {kAny}}), ElementsAre("p varchar"));
}

TEST(LoggedTensorTest, EverythingElseIsAText) {
  EXPECT_THAT(names_of({"x", Datatype::kFp32, {kAny, kAny}}), ElementsAre("p varchar"));
  EXPECT_THAT(names_of({"x", Datatype::kFp32, {kAny, 257}}), ElementsAre("p varchar"));
  EXPECT_THAT(names_of({"x", Datatype::kFp32, {kAny, 2, 2}}), ElementsAre("p varchar"));
  EXPECT_THAT(names_of({"x", Datatype::kFp32, {3}}), ElementsAre("p varchar"));
}

// What is logged of the tensor's row.
std::vector<sql::Value> logged(const TensorSpec& spec, const TensorView& tensor, std::size_t rows, std::size_t row,
                               sql::Scratch& texts) {
  std::vector<sql::Value> values;
  append_logged(spec, tensor, rows, row, texts, values);
  return values;
}

TEST(LoggedTensorTest, LogsARowsValues) {
  sql::Scratch texts;
  const std::vector<std::int64_t> shape = {2, 2};
  const std::vector<float> numbers = {1, 2, 0.5F, NAN};
  const TensorView tensor{"x", Datatype::kFp32, shape, std::as_bytes(std::span(numbers)), {}};
  const auto values = logged({"x", Datatype::kFp32, {kAny, 2}}, tensor, 2, 1, texts);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].number, 0.5);
  EXPECT_TRUE(values[1].is_null());
  // Of a model that answers what it did not announce.
  EXPECT_TRUE(logged({"x", Datatype::kFp32, {kAny}}, tensor, 2, 1, texts).at(0).is_null());
  EXPECT_TRUE(logged({"x", Datatype::kInt32, {kAny, 2}}, tensor, 2, 1, texts).at(1).is_null());
  EXPECT_EQ(logged({"x", Datatype::kFp32, {kAny, 2}}, {}, 2, 0, texts).size(), 2U);
}

TEST(LoggedTensorTest, LogsAnImageAsJsonOrByItsHash) {
  sql::Scratch texts;
  std::vector<std::uint8_t> pixels = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<std::int64_t> small = {2, 2, 2}, large = {1, 100, 100};
  const TensorSpec spec{"image", Datatype::kUint8, {kAny, kAny, kAny}};
  TensorView tensor{"image", Datatype::kUint8, small, std::as_bytes(std::span(pixels)), {}};
  EXPECT_EQ(logged(spec, tensor, 2, 1, texts).at(0).text, "[5,6,7,8]");
  pixels.assign(10'000, 7);
  tensor.shape = large;
  tensor.data = std::as_bytes(std::span(pixels));
  EXPECT_THAT(std::string(logged(spec, tensor, 1, 0, texts).at(0).text), HasSubstr(R"("sha256":")"));
}

}  // namespace
}  // namespace millrace::serving
