#include "serving/compositions/pick.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/compositions/fake_runtime_for_tests.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<TensorSpec> kClassifier = {
    {.name = "label", .datatype = Datatype::kBytes},
    {.name = "probabilities", .datatype = Datatype::kFp64, .shape = {kAny, 2}, .labels = {"no", "yes"}},
    {.name = "margins", .datatype = Datatype::kFp64, .shape = {kAny, kAny}},
};

MemberSpec wanting(std::string output, std::string of_class = "") {
  return {.model = "m", .output = std::move(output), .of_class = std::move(of_class)};
}

TEST(PickTest, AClassIsTakenByItsNameOrItsPlace) {
  const Pick named = MUST(pick_output(kClassifier, wanting("probabilities", "yes")));
  EXPECT_EQ(named.output, 1U);
  EXPECT_EQ(named.value, 1U);
  EXPECT_THAT(named.spec.shape, ElementsAre(kAny));
  EXPECT_TRUE(named.spec.labels.empty());
  EXPECT_EQ(MUST(pick_output(kClassifier, wanting("margins", "7"))).value, 7U);
}

TEST(PickTest, SaysWhatItCannotTake) {
  const struct {
    MemberSpec member;
    const char* message;
  } cases[] = {
      {wanting(""), "it answers label, probabilities, margins; say with \"output\""},
      {wanting("probability"), "it has no output \"probability\""},
      {wanting("label", "yes"), "not of a number for each class"},
      {wanting("probabilities", "1"), "its classes are no, yes, without \"1\""},
      {wanting("margins", "-1"), "from 0, not \"-1\""},
      {wanting("margins", "1x"), "from 0, not \"1x\""},
      {wanting("margins", "99999999999999999999"), "from 0"},
  };
  for (const auto& [member, message] : cases)
    EXPECT_THAT(pick_output(kClassifier, member).error().message, HasSubstr(message));
}

TEST(PickTest, ThePartIsCutOut) {
  const Pick pick = MUST(pick_output(kClassifier, wanting("margins", "1")));
  const auto answer = [](Tensor margins) { return std::vector<Tensor>{{}, {}, std::move(margins)}; };
  EXPECT_THAT(numbers_in(MUST(picked(answer(tensor_of_doubles("margins", {2, 3}, {1, 2, 3, 4, 5, 6})), pick))),
              ElementsAre(2, 5));
  EXPECT_EQ(picked(answer(tensor_of_doubles("margins", {2, 1}, {1, 2})), pick).error().code, Code::kInternal);
  EXPECT_EQ(picked(answer(tensor_of_doubles("margins", {2}, {1, 2})), pick).error().code, Code::kInternal);
  EXPECT_EQ(picked({}, pick).error().code, Code::kInternal);
}

}  // namespace
}  // namespace millrace::serving
