// Endpoints that answer by several models.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lineage/graph.h"
#include "serving/home_for_tests.h"
#include "serving/lineage_source.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ComposedEndpointTest : public ::testing::Test {
 protected:
  ComposedEndpointTest() {
    home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
    home_.set_alias("second", home_.add_version(2, {"b", "a"}));
    home_.set_alias("classes", home_.add_version(3, {"a", "b"}, 3));
  }

  static EndpointSpec ensemble(Combine combine, std::vector<MemberSpec> members) {
    EndpointSpec spec{.name = "e"};
    spec.composition = {.combine = combine, .members = std::move(members)};
    spec.routes = {.arms = {{.name = "ensemble"}}};
    return spec;
  }
  static MemberSpec member(const char* alias, double weight = 1) {
    return {.model = "m", .alias = alias, .weight = weight};
  }
  // What each member answers by itself.
  double alone(const char* alias, const Row& row) {
    MUST(endpoints_->apply({.name = alias, .model = "m", .routes = single_route(alias)}));
    return values_of(MUST(endpoints_->infer(alias, row.request())))[0];
  }
  void restart() { endpoints_ = std::make_unique<Endpoints>(home_.parts()); }

  Home home_;
  std::unique_ptr<Endpoints> endpoints_ = std::make_unique<Endpoints>(home_.parts());
};

TEST_F(ComposedEndpointTest, AMeanOfTreesIsScoredAsRowsAndLogged) {
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion", 3), member("second")})));
  const Row row(0.5, -0.25);
  const InferAnswer answer = MUST(endpoints_->infer("e", row.request("one")));
  EXPECT_EQ(answer.version, 1);
  EXPECT_EQ(values_of(answer)[0], (3 * alone("champion", row) + alone("second", row)) / 4);
  const std::int64_t shape[] = {1, 2};
  const double values[] = {0.5, -0.25};
  const TensorView whole{"x", Datatype::kFp64, shape, std::as_bytes(std::span(values)), {}};
  EXPECT_EQ(values_of(MUST(endpoints_->infer("e", {.inputs = {&whole, 1}}))), values_of(answer));
  const EndpointStatus status = MUST(endpoints_->find("e"));
  EXPECT_EQ(status.platform, "millrace_ensemble");
  EXPECT_THAT(status.arms[0].members, ElementsAre(MemberVersion{"m", 1}, MemberVersion{"m", 2}));
  EXPECT_THAT(status.feature_columns, ElementsAre("a", "b"));
  MUST(endpoints_->commit_predictions("e"));
  EXPECT_EQ(MUST(home_.datasets->version("e.predictions")).rows, 2U);
}

TEST_F(ComposedEndpointTest, AMoveOfAMembersAliasIsAnotherVersionAndBackIsTheFirstAgain) {
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("second")})));
  const Row row(0.5, -0.25);
  home_.set_alias("second", home_.add_version(9, {"a", "b"}));
  MUST(endpoints_->refresh("m"));
  EXPECT_EQ(MUST(endpoints_->infer("e", row.request())).version, 2);
  EXPECT_THAT(home_.changes.back().members, ElementsAre(MemberVersion{"m", 1}, MemberVersion{"m", 4}));
  home_.set_alias("second", 2);
  MUST(endpoints_->refresh("m"));
  EXPECT_EQ(MUST(endpoints_->infer("e", row.request())).version, 1);
  restart();
  home_.set_alias("second", 4);
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("second")})));
  EXPECT_EQ(MUST(endpoints_->infer("e", row.request())).version, 2);
}

TEST_F(ComposedEndpointTest, AMemberWithoutAVersionIsWaitedFor) {
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("next")})));
  const Row row(0.5, -0.25);
  const auto answer = endpoints_->infer("e", row.request());
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("alias next of model m is not set"));
  home_.set_alias("next", 2);
  MUST(endpoints_->refresh("m"));
  EXPECT_EQ(MUST(endpoints_->infer("e", row.request())).version, 1);
}

TEST_F(ComposedEndpointTest, MembersThatDoNotFitLeaveTheEndpointAsItWas) {
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("second")})));
  const auto applied = endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("classes")}));
  EXPECT_THAT(applied.error().message, HasSubstr("model m version 3: its output \"prediction\" is of shape [-1,3]"));
  EXPECT_EQ(MUST(endpoints_->infer("e", Row(0.5, -0.25).request())).version, 1);
  MemberSpec one_class = member("classes");
  one_class.of_class = "3";
  const auto beyond = endpoints_->apply(ensemble(Combine::kMean, {member("champion"), one_class}));
  EXPECT_THAT(beyond.error().message, HasSubstr("from 0, not \"3\""));
  one_class.of_class = "2";
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), one_class})));
  EXPECT_EQ(MUST(endpoints_->infer("e", Row(0.5, -0.25).request())).version, 2);
}

TEST_F(ComposedEndpointTest, AVoteIsAClass) {
  MUST(endpoints_->apply(ensemble(Combine::kVote, {member("champion"), member("classes", 3)})));
  InferAnswer answer = MUST(endpoints_->infer("e", Row(0.5, -0.25).request()));
  ASSERT_EQ(answer.outputs[0].datatype, Datatype::kInt64);
  MUST(endpoints_->apply({.name = "classes", .model = "m", .routes = single_route("classes")}));
  const auto classes = values_of(MUST(endpoints_->infer("classes", Row(0.5, -0.25).request())));
  EXPECT_EQ(elements<std::int64_t>(answer.outputs[0])[0], std::ranges::max_element(classes) - classes.begin());
}

TEST_F(ComposedEndpointTest, TheFinalModelSeesTheMembersAnswersInOrder) {
  home_.set_alias("meta", home_.add_version(7, {"x", "y", "z", "u"}));
  EndpointSpec spec = ensemble(Combine::kStacking, {member("classes"), member("champion")});
  spec.composition->final = member("meta");
  MUST(endpoints_->apply(spec));
  const Row row(0.5, -0.25);
  const InferAnswer answer = MUST(endpoints_->infer("e", row.request()));
  MUST(endpoints_->apply({.name = "classes", .model = "m", .routes = single_route("classes")}));
  auto stacked = values_of(MUST(endpoints_->infer("classes", row.request())));
  stacked.push_back(alone("champion", row));
  MUST(endpoints_->apply({.name = "meta", .model = "m", .routes = single_route("meta")}));
  const std::int64_t shape[] = {1, 4};
  const TensorView whole{"x", Datatype::kFp64, shape, std::as_bytes(std::span(stacked)), {}};
  EXPECT_EQ(values_of(answer), values_of(MUST(endpoints_->infer("meta", {.inputs = {&whole, 1}}))));
  spec.composition->final = member("champion");
  EXPECT_THAT(endpoints_->apply(spec).error().message, HasSubstr("cannot be made of"));
}

TEST_F(ComposedEndpointTest, AChainGivesWhatOneAnswersToTheNext) {
  home_.set_alias("last", home_.add_version(7, {"x", "y", "z"}));
  EndpointSpec spec{.name = "e"};
  spec.composition = {.kind = CompositionSpec::Kind::kChain, .members = {member("classes"), member("last")}};
  spec.routes = {.arms = {{.name = "chain"}}};
  MUST(endpoints_->apply(spec));
  const Row row(0.5, -0.25);
  const auto answer = values_of(MUST(endpoints_->infer("e", row.request())));
  MUST(endpoints_->apply({.name = "classes", .model = "m", .routes = single_route("classes")}));
  MUST(endpoints_->apply({.name = "last", .model = "m", .routes = single_route("last")}));
  const auto between = values_of(MUST(endpoints_->infer("classes", row.request())));
  const std::int64_t shape[] = {1, 3};
  const TensorView whole{"x", Datatype::kFp64, shape, std::as_bytes(std::span(between)), {}};
  EXPECT_EQ(answer, values_of(MUST(endpoints_->infer("last", {.inputs = {&whole, 1}}))));
  spec.composition->members[1] = member("second");
  EXPECT_THAT(endpoints_->apply(spec).error().message, HasSubstr("model m version 2: it takes"));
}

TEST_F(ComposedEndpointTest, AFeatureServiceMakesTheMembersInputs) {
  home_.set_alias("champion", home_.add_version(4, {"a2", "b2"}));
  home_.set_alias("second", home_.add_version(5, {"b2"}));
  EndpointSpec spec = ensemble(Combine::kMean, {member("champion"), member("second")});
  spec.features = "doubled";
  MUST(endpoints_->apply(spec));
  EXPECT_EQ(MUST(endpoints_->infer("e", Row(0.5, -0.25).request())).version, 1);
  EXPECT_THAT(MUST(endpoints_->find("e")).feature_columns, ElementsAre("b2", "a2"));
}

TEST_F(ComposedEndpointTest, ItsRequestsAreNotDivided) {
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("second")})));
  const std::array weights = {ArmWeight{"champion", 10}};
  const auto changed = endpoints_->set_weights("e", weights, "a canary");
  EXPECT_EQ(changed.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(changed.error().message, HasSubstr("one ensemble of models"));
}

TEST_F(ComposedEndpointTest, LineageReachesEveryMember) {
  MUST(endpoints_->apply(ensemble(Combine::kMean, {member("champion"), member("second")})));
  const LineageSource source(*endpoints_, *home_.compositions);
  const auto near = [&](const char* id, lineage::Direction direction) {
    return MUST(source.neighbours(id, direction, 10));
  };
  EXPECT_THAT(near("endpoint:e", lineage::Direction::kUpstream), ElementsAre("composition:e/1"));
  EXPECT_THAT(near("composition:e/1", lineage::Direction::kUpstream), ElementsAre("model:m/1", "model:m/2"));
  EXPECT_THAT(near("model:m/2", lineage::Direction::kDownstream), ElementsAre("composition:e/1"));
  EXPECT_THAT(near("composition:e/1", lineage::Direction::kDownstream), ElementsAre("endpoint:e"));
  for (const char* id : {"composition:e/2", "composition:e/x", "composition:e", "composition:"}) {
    EXPECT_TRUE(near(id, lineage::Direction::kUpstream).empty()) << id;
    lineage::Node node{.id = id};
    EXPECT_FALSE(MUST(source.describe(node))) << id;
  }
}

TEST_F(ComposedEndpointTest, WithoutAStoreOfNumbersItIsRefused) {
  auto parts = home_.parts();
  parts.compositions = nullptr;
  Endpoints endpoints(parts);
  EXPECT_EQ(endpoints.apply(ensemble(Combine::kMean, {member("champion")})).error().code, Code::kUnimplemented);
}

}  // namespace
}  // namespace millrace::serving
