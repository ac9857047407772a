#include "serving/comparison.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace::serving {
namespace {

Tensor numbers(std::vector<double> values, std::int64_t rows) {
  Tensor tensor = make_tensor("prediction", Datatype::kFp64, {rows, static_cast<std::int64_t>(values.size()) / rows});
  std::ranges::copy(values, elements<double>(tensor).begin());
  return tensor;
}

Tensor integers(std::vector<std::int64_t> values) {
  Tensor tensor = make_tensor("label", Datatype::kInt64, {static_cast<std::int64_t>(values.size())});
  std::ranges::copy(values, elements<std::int64_t>(tensor).begin());
  return tensor;
}

Tensor texts(std::vector<std::string> values) {
  Tensor tensor = make_tensor("label", Datatype::kBytes, {static_cast<std::int64_t>(values.size())});
  tensor.texts = std::move(values);
  return tensor;
}

TEST(ComparisonTest, ADecisionIsTheSameOrNot) {
  const double nan = std::nan("");
  const struct {
    std::string_view name;
    Tensor answer, shadow;
    std::size_t row, rows;
    bool agree;
    double largest;
  } cases[] = {
      {"probabilities on one side", numbers({0.9}, 1), numbers({0.6}, 1), 0, 1, true, 0.3},
      {"and on both", numbers({0.45}, 1), numbers({0.55}, 1), 0, 1, false, 0.1},
      {"numbers within 1 %", numbers({100}, 1), numbers({100.9}, 1), 0, 1, true, 0.9},
      {"and beyond", numbers({100}, 1), numbers({102}, 1), 0, 1, false, 2},
      {"nothing known twice", numbers({nan}, 1), numbers({nan}, 1), 0, 1, true, 0},
      {"nothing known once", numbers({nan}, 1), numbers({1}, 1), 0, 1, false, 0},
      {"the same class", numbers({0.1, 0.5, 0.4}, 1), numbers({0.3, 0.4, 0.3}, 1), 0, 1, true, 0.2},
      {"another class", numbers({0.1, 0.5, 0.4}, 1), numbers({0.1, 0.4, 0.5}, 1), 0, 1, false, 0.1},
      {"the second row", numbers({0.9, 0.9}, 2), numbers({0.1, 0.9}, 2), 1, 2, true, 0},
      {"equal labels", integers({3, 4}), integers({2, 4}), 1, 2, true, 0},
      {"other labels", integers({3, 4}), integers({2, 4}), 0, 2, false, 1},
      {"equal texts", texts({"cat", "dog"}), texts({"cat", "cow"}), 0, 2, true, nan},
      {"other texts", texts({"cat", "dog"}), texts({"cat", "cow"}), 1, 2, false, nan},
      {"text and number", texts({"1"}), integers({1}), 0, 1, false, nan},
      {"other shapes", numbers({1, 2}, 1), numbers({1}, 1), 0, 1, false, nan},
  };
  for (const auto& test : cases) {
    const Difference found = compare_rows({&test.answer, 1}, {&test.shadow, 1}, test.row, test.rows);
    EXPECT_EQ(found.agree, test.agree) << test.name;
    if (std::isnan(test.largest))
      EXPECT_TRUE(std::isnan(found.largest)) << test.name;
    else
      EXPECT_NEAR(found.largest, test.largest, 1e-12) << test.name;
  }
  EXPECT_FALSE(compare_rows({}, {}, 0, 1).agree);
}

}  // namespace
}  // namespace millrace::serving
