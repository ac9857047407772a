#include "serving/compositions/shared_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/compositions/fake_runtime_for_tests.h"
#include "serving/model_loader.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TensorSpec spec(std::string name, Datatype datatype = Datatype::kFp64, std::vector<std::int64_t> shape = {kAny}) {
  return {.name = std::move(name), .datatype = datatype, .shape = std::move(shape)};
}

LoadedModel model(std::string name, std::vector<TensorSpec> inputs, std::vector<std::string> columns = {}) {
  LoadedModel model{
      .model = std::move(name), .version = 1, .runtime = std::make_unique<FakeRuntime>(std::move(inputs))};
  model.signature.emplace();
  for (std::string& column : columns) model.signature->inputs.push_back({.name = std::move(column)});
  return model;
}

std::vector<std::string> names_of(const SharedInputs& shared) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : shared.specs())
    names.push_back(fmt::format("{} {}", spec.name, to_text(spec.datatype)));
  return names;
}

TEST(SharedInputsTest, AreTheUnionOfAll) {
  const LoadedModel a = model("a", {spec("x"), spec("y", Datatype::kFp32)});
  const LoadedModel b = model("b", {spec("y"), spec("z", Datatype::kBytes), spec("x", Datatype::kInt64)});
  const auto shared = MUST(SharedInputs::make({&a, &b}));
  EXPECT_THAT(names_of(shared), ElementsAre("x INT64", "y FP64", "z BYTES"));
}

TEST(SharedInputsTest, EachModelIsGivenItsOwn) {
  const LoadedModel a = model("a", {spec("x", Datatype::kFp32, {kAny, 1})});
  const LoadedModel b = model("b", {spec("y"), spec("x", Datatype::kInt64)});
  const auto shared = MUST(SharedInputs::make({&a, &b}));
  Tensor x = make_tensor("x", Datatype::kInt64, {2});
  elements<std::int64_t>(x)[0] = 7;
  elements<std::int64_t>(x)[1] = 8;
  const std::vector<Tensor> given = {x, tensor_of_doubles("y", {2}, {1, 2})};
  const Views views(given);
  const BoundTensors first = MUST(shared.inputs_of(0, views)), second = MUST(shared.inputs_of(1, views));
  ASSERT_EQ(first.views.size(), 1U);
  EXPECT_EQ(first.views[0].datatype, Datatype::kFp32);
  EXPECT_THAT(first.views[0].shape, ElementsAre(2, 1));
  EXPECT_EQ(number_at(first.views[0], 1), 8);
  ASSERT_EQ(second.views.size(), 2U);
  EXPECT_EQ(second.views[0].name, "y");
  EXPECT_TRUE(second.converted.empty()) << "what fits is not copied";
}

TEST(SharedInputsTest, AMatrixIsMadeOfTheColumnsThatItsSignatureNames) {
  const LoadedModel matrix = model("m", {spec("X", Datatype::kFp32, {kAny, 2})}, {"b", "a"});
  const LoadedModel columns = model("c", {spec("a"), spec("b"), spec("c")});
  const auto shared = MUST(SharedInputs::make({&matrix, &columns}));
  EXPECT_THAT(names_of(shared), ElementsAre("a FP64", "b FP64", "c FP64"));
  const std::vector<Tensor> given = {tensor_of_doubles("a", {2}, {1, 2}), tensor_of_doubles("b", {2}, {3, 4}),
                                     tensor_of_doubles("c", {2}, {5, 6})};
  const Views views(given);
  const BoundTensors bound = MUST(shared.inputs_of(0, views));
  ASSERT_EQ(bound.views.size(), 1U);
  EXPECT_EQ(bound.views[0].name, "X");
  EXPECT_THAT(numbers_in(tensor_of(bound.views[0])), ElementsAre(3, 1, 4, 2));
}

TEST(SharedInputsTest, AMatrixWhoseColumnsNobodyNamesIsAnInputOfItsOwn) {
  const LoadedModel columns = model("c", {spec("a"), spec("b")});
  for (const std::vector<std::string>& names : {std::vector<std::string>{}, {"a", "q"}, {"a", "b", "c"}}) {
    const LoadedModel matrix = model("m", {spec("X", Datatype::kFp32, {kAny, 2})}, names);
    EXPECT_THAT(names_of(MUST(SharedInputs::make({&matrix, &columns}))),
                UnorderedElementsAre("a FP64", "b FP64", "X FP32"));
  }
}

TEST(SharedInputsTest, AnInputThatOneNeedsIsNeeded) {
  TensorSpec optional = spec("x");
  optional.optional = true;
  const LoadedModel a = model("a", {optional}), b = model("b", {spec("x")});
  EXPECT_FALSE(MUST(SharedInputs::make({&a, &b})).specs()[0].optional);
  EXPECT_TRUE(MUST(SharedInputs::make({&a, &a})).specs()[0].optional);
}

TEST(SharedInputsTest, WhatDoesNotGoTogetherIsSaid) {
  const LoadedModel a = model("a", {spec("x")}), texts = model("b", {spec("x", Datatype::kBytes)}),
                    wide = model("c", {spec("x", Datatype::kFp64, {kAny, 3})});
  EXPECT_THAT(
      SharedInputs::make({&a, &texts}).error().message,
      HasSubstr("model b version 1: its input \"x\" is BYTES of shape [-1], which another member takes as FP64"));
  EXPECT_THAT(SharedInputs::make({&a, &wide}).error().message, HasSubstr("model c version 1"));
}

TEST(CommonDatatypeTest, IsWhatBothCanBeGiven) {
  EXPECT_EQ(MUST(common_datatype(Datatype::kFp32, Datatype::kFp64)), Datatype::kFp64);
  EXPECT_EQ(MUST(common_datatype(Datatype::kFp64, Datatype::kInt32)), Datatype::kInt32);
  EXPECT_EQ(MUST(common_datatype(Datatype::kBytes, Datatype::kBytes)), Datatype::kBytes);
  EXPECT_FALSE(common_datatype(Datatype::kInt32, Datatype::kInt64));
  EXPECT_FALSE(common_datatype(Datatype::kBool, Datatype::kFp64));
  EXPECT_FALSE(common_datatype(Datatype::kBytes, Datatype::kFp64));
}

}  // namespace
}  // namespace millrace::serving
