#include "serving/compositions/combine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "serving/rows.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor doubles(std::vector<std::int64_t> shape, std::vector<double> values) {
  Tensor tensor = make_tensor("p", Datatype::kFp64, std::move(shape));
  std::ranges::copy(values, elements<double>(tensor).begin());
  return tensor;
}

Tensor integers(std::vector<std::int64_t> values) {
  Tensor tensor = make_tensor("label", Datatype::kInt64, {static_cast<std::int64_t>(values.size())});
  std::ranges::copy(values, elements<std::int64_t>(tensor).begin());
  return tensor;
}

Tensor texts(std::vector<std::string> values) {
  Tensor tensor = make_tensor("class", Datatype::kBytes, {static_cast<std::int64_t>(values.size())});
  tensor.texts = std::move(values);
  return tensor;
}

std::vector<double> values_in(Tensor tensor) {
  const auto all = elements<double>(tensor);
  return {all.begin(), all.end()};
}

TEST(MeanTest, WeighsEachElement) {
  const std::vector<Tensor> tensors = {doubles({2, 2}, {1, 2, 3, NAN}), doubles({2, 2}, {5, 6, 7, 8})};
  const std::vector<double> weights = {3, 1};
  const Tensor mean = MUST(mean_of(Views(tensors), weights));
  EXPECT_THAT(mean.shape, ElementsAre(2, 2));
  const auto values = values_in(mean);
  EXPECT_EQ(values[0], 2);
  EXPECT_EQ(values[2], 4);
  EXPECT_TRUE(std::isnan(values[3]));
}

TEST(MeanTest, ShapesThatDifferAreAnError) {
  const std::vector<Tensor> tensors = {doubles({2}, {1, 2}), doubles({1}, {1})};
  const std::vector<double> weights = {1, 1};
  EXPECT_THAT(mean_of(Views(tensors), weights).error().message, HasSubstr("shape [2]"));
}

struct Election {
  const char* name;
  std::vector<std::int64_t> votes;
  std::vector<double> weights;
  std::size_t winner;
};

TEST(VoteTest, TheMostWeightWins) {
  const Election elections[] = {
      {"one", {4}, {1}, 0},
      {"a majority", {1, 0, 0}, {1, 1, 1}, 1},
      {"weight against number", {1, 0, 0}, {3, 1, 1}, 0},
      {"a tie goes to the heaviest member", {0, 0, 1}, {1, 1, 2}, 2},
      {"else to the first", {7, 5, 5, 7}, {1, 1, 1, 1}, 0},
      {"every one another class", {3, 2, 1}, {1, 1, 1}, 0},
  };
  for (const auto& [name, votes, weights, winner] : elections) EXPECT_EQ(elect(votes, weights), winner) << name;
}

TEST(VoteTest, EveryKindOfOutputVotes) {
  const std::vector<Tensor> tensors = {integers({1, 0, 2}), doubles({3}, {0.5, 0.49, NAN}),
                                       doubles({3, 3}, {.1, .8, .1, NAN, .3, .2, .2, .2, .6})};
  const std::vector<Voter> voters = {{Ballot::kInteger}, {Ballot::kThreshold}, {Ballot::kLargest, {"0", "1", "2"}}};
  const std::vector<double> weights = {1, 1, 1.5};
  const Datatype datatype = MUST(vote_datatype(voters));
  EXPECT_EQ(datatype, Datatype::kInt64);
  Tensor vote = MUST(vote_of(Views(tensors), voters, weights, datatype));
  EXPECT_THAT(elements<std::int64_t>(vote), ElementsAre(1, 0, 2));
  EXPECT_EQ(vote.name, "prediction");
}

TEST(VoteTest, TextsAndLabelsAreCountedTogether) {
  const std::vector<Tensor> tensors = {texts({"cat", "dog"}), doubles({2, 2}, {.9, .1, .2, .8}), texts({"dog", "cat"})};
  const std::vector<Voter> voters = {{Ballot::kText}, {Ballot::kLargest, {"cat", "dog"}}, {Ballot::kText}};
  const std::vector<double> weights = {1, 1, 1};
  const Datatype datatype = MUST(vote_datatype(voters));
  EXPECT_THAT(MUST(vote_of(Views(tensors), voters, weights, datatype)).texts, ElementsAre("cat", "dog"));
}

TEST(VoteTest, TextsAndNumbersAreNot) {
  const std::vector<Voter> voters = {{Ballot::kText}, {Ballot::kThreshold}};
  EXPECT_THAT(vote_datatype(voters).error().message, HasSubstr("cannot be counted together"));
}

TEST(VoteTest, AnAnswerOfAnotherShapeThanPromisedIsAnError) {
  const std::vector<Tensor> tensors = {integers({1, 0}), integers({1})};
  const std::vector<Voter> voters = {{Ballot::kInteger}, {Ballot::kInteger}};
  const std::vector<double> weights = {1, 1};
  EXPECT_EQ(vote_of(Views(tensors), voters, weights, Datatype::kInt64).error().code, Code::kInternal);
  const std::vector<Tensor> narrow = {doubles({2, 2}, {1, 2, 3, 4})};
  const std::vector<Voter> three = {{Ballot::kLargest, {"a", "b", "c"}}};
  const std::vector<double> one = {1};
  EXPECT_EQ(vote_of(Views(narrow), three, one, Datatype::kBytes).error().code, Code::kInternal);
}

TEST(VoterTest, AnOutputSaysHowItVotes) {
  const auto ballot = [](Datatype datatype, std::vector<std::int64_t> shape) {
    return MUST(voter_of({.name = "o", .datatype = datatype, .shape = std::move(shape)})).ballot;
  };
  EXPECT_EQ(ballot(Datatype::kBytes, {kAny}), Ballot::kText);
  EXPECT_EQ(ballot(Datatype::kBool, {kAny, 1}), Ballot::kInteger);
  EXPECT_EQ(ballot(Datatype::kFp32, {kAny}), Ballot::kThreshold);
  EXPECT_EQ(ballot(Datatype::kFp32, {kAny, 4}), Ballot::kLargest);
  EXPECT_EQ(ballot(Datatype::kFp64, {kAny, kAny}), Ballot::kLargest);
  EXPECT_FALSE(voter_of({.name = "o", .datatype = Datatype::kFp32, .shape = {3, 4}}));
  EXPECT_FALSE(voter_of({.name = "o", .datatype = Datatype::kInt64, .shape = {kAny, 2}}));
  EXPECT_FALSE(voter_of({.name = "o", .datatype = Datatype::kFp32, .shape = {}}));
}

}  // namespace
}  // namespace millrace::serving
