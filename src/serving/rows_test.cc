#include "serving/rows.h"

#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

Tensor numbers(std::vector<std::int64_t> shape, std::vector<double> values) {
  auto tensor = make_tensor("x", Datatype::kFp64, std::move(shape));
  std::ranges::copy(values, elements<double>(tensor).begin());
  return tensor;
}

std::vector<double> values_of(Tensor tensor) {
  const auto values = elements<double>(tensor);
  return {values.begin(), values.end()};
}

TEST(Rows, AreConcatenatedAndSplit) {
  const Tensor parts[] = {numbers({2, 2}, {1, 2, 3, 4}), numbers({0, 2}, {}), numbers({1, 2}, {5, 6})};
  const Tensor whole = concatenate(Views(parts));
  EXPECT_EQ(whole.name, "x");
  EXPECT_EQ(whole.shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(values_of(whole), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  const Tensor last = rows_of(whole, 2, 1);
  EXPECT_EQ(last.shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(values_of(last), (std::vector<double>{5, 6}));
  EXPECT_EQ(values_of(rows_of(whole, 1, 0)), std::vector<double>{});
}

TEST(Rows, AViewsOtherMembersAreNotLookedAt) {
  const double value = 1;
  const std::int64_t shape = 1;
  const std::string_view stale = "of another request";
  const Tensor copy =
      tensor_of({.name = "x", .shape = {&shape, 1}, .data = std::as_bytes(std::span(&value, 1)), .texts = {&stale, 1}});
  EXPECT_TRUE(copy.texts.empty());
}

TEST(Rows, OfTextsAreConcatenatedAndSplit) {
  const Tensor parts[] = {{.name = "s", .datatype = Datatype::kBytes, .shape = {1}, .texts = {"a"}},
                          {.name = "s", .datatype = Datatype::kBytes, .shape = {2}, .texts = {"b", "c"}}};
  const Tensor whole = concatenate(Views(parts));
  EXPECT_EQ(whole.shape, std::vector<std::int64_t>{3});
  EXPECT_EQ(rows_of(whole, 1, 2).texts, (std::vector<std::string>{"b", "c"}));
}

}  // namespace
}  // namespace millrace::serving
