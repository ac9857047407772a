#include "serving/tensor.h"

#include <gtest/gtest.h>

#include "serving/convert.h"

namespace millrace::serving {
namespace {

TEST(TensorTest, DatatypesHaveTheProtocolsNamesAndWidths) {
  for (const auto& [name, width] : std::vector<std::pair<std::string, std::size_t>>{{"BOOL", 1},
                                                                                    {"UINT16", 2},
                                                                                    {"INT64", 8},
                                                                                    {"FP16", 2},
                                                                                    {"BF16", 2},
                                                                                    {"FP32", 4},
                                                                                    {"FP64", 8},
                                                                                    {"BYTES", 0}}) {
    Datatype datatype{};
    ASSERT_TRUE(from_text(name, datatype)) << name;
    EXPECT_EQ(to_text(datatype), name);
    EXPECT_EQ(width_of(datatype), width) << name;
  }
  Datatype unknown{};
  EXPECT_FALSE(from_text("fp32", unknown));
}

TEST(TensorTest, ShapesThatOverflowHaveNoElements) {
  const auto count = [](std::vector<std::int64_t> shape) {
    const auto elements = elements_of(shape);
    return elements ? static_cast<std::int64_t>(*elements) : -1;
  };
  EXPECT_EQ(count({}), 1);
  EXPECT_EQ(count({2, 3}), 6);
  EXPECT_EQ(count({0, 3}), 0);
  EXPECT_EQ(count({-1}), -1);
  EXPECT_EQ(count({1LL << 32, 1LL << 32}), -1);
  EXPECT_EQ(count({1LL << 62, 4}), -1);
  EXPECT_EQ(count({kMostElements + 1}), -1);
}

double roundtrip(double value, Datatype through) {
  const std::int64_t one = 1;
  const TensorView wide{"x", Datatype::kFp64, {&one, 1}, std::as_bytes(std::span(&value, 1)), {}};
  const std::vector<std::byte> narrow = MUST(convert_elements(wide, through));
  return number_at({"x", through, {&one, 1}, narrow, {}}, 0);
}

TEST(TensorTest, FloatingPointIsRoundedToTheNearest) {
  EXPECT_EQ(roundtrip(0.1, Datatype::kFp32), static_cast<double>(0.1F));
  EXPECT_EQ(roundtrip(1.0009765625, Datatype::kFp16), 1.0009765625);  // 1 + 2^-10
  EXPECT_EQ(roundtrip(1.00048828125, Datatype::kFp16), 1.0);          // a tie goes to the even one
  EXPECT_EQ(roundtrip(1e6, Datatype::kFp16), std::numeric_limits<double>::infinity());
  EXPECT_EQ(roundtrip(1.0078125, Datatype::kBf16), 1.0078125);  // 1 + 2^-7
  EXPECT_EQ(roundtrip(1.00390625, Datatype::kBf16), 1.0);
  EXPECT_NE(roundtrip(std::numeric_limits<double>::quiet_NaN(), Datatype::kBf16), 0.0);
}

TEST(TensorTest, IntegersAreHeldOrRefused) {
  const std::int64_t shape = 1;
  const std::uint64_t large = UINT64_MAX;
  const TensorView tensor{"x", Datatype::kUint64, {&shape, 1}, std::as_bytes(std::span(&large, 1)), {}};
  EXPECT_EQ(convert_elements(tensor, Datatype::kInt64).error().message, "input \"x\" has a value that is no INT64");
  EXPECT_EQ(number_at({"x", Datatype::kFp64, {&shape, 1}, MUST(convert_elements(tensor, Datatype::kFp64)), {}}, 0),
            0x1p64);
  const bool truth = true;
  const TensorView boolean{"x", Datatype::kBool, {&shape, 1}, std::as_bytes(std::span(&truth, 1)), {}};
  EXPECT_EQ(MUST(convert_elements(boolean, Datatype::kUint8)), std::vector<std::byte>{std::byte{1}});
  EXPECT_FALSE(convert_elements(tensor, Datatype::kBool));
}

}  // namespace
}  // namespace millrace::serving
