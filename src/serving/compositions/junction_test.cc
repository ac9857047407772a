#include "serving/compositions/junction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/compositions/fake_runtime_for_tests.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorSpec spec(std::string name, std::vector<std::int64_t> shape = {kAny}, Datatype datatype = Datatype::kFp64) {
  return {.name = std::move(name), .datatype = datatype, .shape = std::move(shape)};
}

std::vector<Tensor> passed(const std::vector<TensorSpec>& given, const Runtime& next, std::vector<Tensor> tensors) {
  return MUST(MUST(Junction::make(given, next)).pass(tensors));
}

TEST(JunctionTest, NamesComeFirstAndWhatIsNotAskedForIsLeftOut) {
  const FakeRuntime next({spec("b"), spec("a")});
  const auto got =
      passed({spec("a"), spec("x"), spec("b")}, next,
             {tensor_of_doubles("a", {1}, {1}), tensor_of_doubles("x", {1}, {2}), tensor_of_doubles("b", {1}, {3})});
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(numbers_in(got[0])[0], 3);
  EXPECT_EQ(numbers_in(got[1])[0], 1);
}

TEST(JunctionTest, AnOptionalInputMayBeMissing) {
  TensorSpec optional = spec("b");
  optional.optional = true;
  const FakeRuntime next({spec("a"), optional});
  const auto got = passed({spec("a")}, next, {tensor_of_doubles("a", {1}, {1})});
  EXPECT_EQ(got[0].name, "a");
  EXPECT_EQ(got[1].name, "");
}

TEST(JunctionTest, OneTensorMeetsOneWhateverItsName) {
  const FakeRuntime next({spec("X", {kAny, 2}, Datatype::kFp32)});
  const auto got = passed({spec("variable", {kAny, 2})}, next, {tensor_of_doubles("variable", {2, 2}, {1, 2, 3, 4})});
  EXPECT_EQ(got[0].name, "X");
  EXPECT_EQ(got[0].datatype, Datatype::kFp32);
  EXPECT_THAT(numbers_in(got[0]), ElementsAre(1, 2, 3, 4));
}

TEST(JunctionTest, NumbersOfARowAreColumnsOrAMatrix) {
  const std::vector<TensorSpec> given = {spec("p"), spec("q", {kAny, 2})};
  const std::vector<Tensor> tensors = {tensor_of_doubles("p", {2}, {1, 4}),
                                       tensor_of_doubles("q", {2, 2}, {2, 3, 5, 6})};
  const FakeRuntime matrix({spec("X", {kAny, 3}, Datatype::kFp32)});
  EXPECT_THAT(numbers_in(passed(given, matrix, tensors)[0]), ElementsAre(1, 2, 3, 4, 5, 6));
  const FakeRuntime columns({spec("x"), spec("y"), spec("z")});
  const auto got = passed(given, columns, tensors);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_THAT(numbers_in(got[1]), ElementsAre(2, 5));
}

TEST(JunctionTest, WhatCannotMeetIsSaid) {
  const FakeRuntime columns({spec("x"), spec("y"), spec("z")}), whole({spec("x", {kAny}, Datatype::kInt64), spec("y")}),
      texts({spec("t", {kAny}, Datatype::kBytes)});
  const struct {
    const char* name;
    std::vector<TensorSpec> given;
    const Runtime& next;
  } cases[] = {
      {"too few numbers", {spec("p"), spec("q")}, columns},
      {"texts", {spec("p", {kAny}, Datatype::kBytes)}, columns},
      {"more than two extents", {spec("p", {kAny, 3, 1})}, columns},
      {"no rows", {spec("p", {3})}, columns},
      {"floating numbers are not cut to integers", {spec("p"), spec("q")}, whole},
      {"numbers are no texts", {spec("p")}, texts},
  };
  for (const auto& [name, given, next] : cases) {
    const auto junction = Junction::make(given, next);
    ASSERT_FALSE(junction) << name;
    EXPECT_THAT(junction.error().message, HasSubstr("cannot be made of \"p\"")) << name;
  }
}

TEST(JunctionTest, AnswersOfOtherShapesThanToldAreErrors) {
  const FakeRuntime columns({spec("x"), spec("y")});
  const auto junction = MUST(Junction::make(std::vector{spec("p", {kAny, kAny})}, columns));
  EXPECT_EQ(MUST(junction.pass(std::vector{tensor_of_doubles("p", {1, 2}, {1, 2})})).size(), 2U);
  const std::vector<Tensor> wrong[] = {
      {tensor_of_doubles("p", {1, 3}, {1, 2, 3})},
      {tensor_of_doubles("p", {2}, {1, 2})},
      {tensor_of_doubles("p", {}, {1})},
      {make_tensor("p", Datatype::kBytes, {1, 2})},
  };
  for (const auto& tensors : wrong) EXPECT_EQ(junction.pass(tensors).error().code, Code::kInternal);
}

}  // namespace
}  // namespace millrace::serving
