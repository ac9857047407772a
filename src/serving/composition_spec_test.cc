#include "serving/composition_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/endpoint_spec.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::optional<EndpointSpec> parse(const std::string& models, Diagnostics& diagnostics) {
  const auto documents = parse_yaml("kind: Endpoint\nname: e\n" + models, "e.yaml", diagnostics);
  return parse_endpoint(documents.at(0), diagnostics);
}

EndpointSpec parsed(const std::string& models) {
  Diagnostics diagnostics;
  auto spec = parse(models, diagnostics);
  for (const Diagnostic& fault : diagnostics.list) ADD_FAILURE() << format_diagnostic(fault);
  return spec.value_or(EndpointSpec());
}

TEST(CompositionSpecTest, AnEnsembleHasMembers) {
  const EndpointSpec spec = parsed(
      "ensemble:\n  combine: vote\n  of:\n  - {model: a, alias: best, weight: 2}\n"
      "  - {model: b, version: 3, output: probabilities, class: 1}\n  - {model: c}\n");
  ASSERT_TRUE(spec.composition);
  EXPECT_EQ(spec.model, "");
  EXPECT_EQ(spec.composition->combine, Combine::kVote);
  std::vector<std::string> places;
  for (const MemberSpec& member : spec.composition->all()) places.push_back(place_of(member));
  EXPECT_THAT(places, ElementsAre("a@best", "b/3", "c@champion"));
  EXPECT_EQ(spec.composition->members[0].weight, 2);
  EXPECT_EQ(spec.composition->members[1].of_class, "1");
  EXPECT_THAT(spec.routes.arm_names(), ElementsAre("ensemble"));
  EXPECT_TRUE(spec.uses("b"));
  EXPECT_FALSE(spec.uses(""));
}

TEST(CompositionSpecTest, AChainIsAList) {
  const EndpointSpec spec = parsed("chain:\n- {model: scaler}\n- {model: classifier, version: 2}\n");
  ASSERT_TRUE(spec.composition);
  EXPECT_EQ(spec.composition->kind, CompositionSpec::Kind::kChain);
  EXPECT_EQ(spec.composition->members.size(), 2U);
  EXPECT_THAT(spec.routes.arm_names(), ElementsAre("chain"));
}

TEST(CompositionSpecTest, StackingNamesTheFinalModelLast) {
  const EndpointSpec spec =
      parsed("ensemble: {combine: stacking, of: [{model: a}, {model: b}], final: {model: meta}}\n");
  EXPECT_EQ(spec.composition->all().back().model, "meta");
  EXPECT_TRUE(spec.uses("meta"));
}

TEST(CompositionSpecTest, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string models, place, message;
  };
  const Case cases[] = {
      {"description: none\n", "1:1", "exactly one of"},
      {"model: m\nchain: [{model: a}]\n", "4:8", "exactly one of"},
      {"model: m\nensemble: {of: [{model: a}]}\n", "4:11", "exactly one of"},
      {"model: \"\"\n", "3:8", "must not be empty"},
      {"chain: []\n", "3:8", "1 to 64 members"},
      {"ensemble: {of: []}\n", "3:16", "1 to 64 members"},
      {"ensemble: {combine: mean}\n", "3:11", "\"of\""},
      {"ensemble: {combine: maen, of: [{model: a}]}\n", "3:21", "did you mean \"mean\""},
      {"ensemble: {combine: stacking, of: [{model: a}]}\n", "3:21", "stacking needs \"final\""},
      {"ensemble: {of: [{model: a}], final: {model: b}}\n", "3:37", "stacking\" only"},
      {"ensemble: {of: [{model: a, weight: -1}]}\n", "3:36", "above 0 and finite"},
      {"ensemble: {of: [{model: a, weight: .inf}]}\n", "3:36", "weight"},
      {"ensemble: {of: [{model: a, weight: 1e308}, {model: b, weight: 1e308}]}\n", "3:16", "too large"},
      {"ensemble: {of: [{alias: b}]}\n", "3:17", "needs the key \"model\""},
      {"ensemble: {of: [{model: a, version: 0}]}\n", "3:37", "1, 2, 3"},
      {"ensemble: {of: [{model: a, version: 1, alias: b}]}\n", "3:37", "not both"},
      {"chain: [{model: a, weight: 2}]\n", "3:20", "no key \"weight\""},
      {"chain: [{model: a, output: o}]\n", "3:20", "no key \"output\""},
      {"chain: [{model: a}]\nalias: champion\n", "4:8", "no \"alias\""},
      {"chain: [{model: a}]\nroutes: {arms: [{name: a}]}\n", "4:9", "no \"routes\""},
      {"ensemble: {of: [{model: a}]}\nshadow: b\n", "4:9", "no \"shadow\""},
  };
  for (const auto& [models, place, message] : cases) {
    Diagnostics diagnostics;
    EXPECT_FALSE(parse(models, diagnostics)) << models;
    ASSERT_FALSE(diagnostics.empty()) << models;
    const std::string fault = format_diagnostic(diagnostics.list.front());
    EXPECT_THAT(fault, HasSubstr("e.yaml:" + place + ": ")) << models;
    EXPECT_THAT(fault, HasSubstr(message)) << models;
  }
}

}  // namespace
}  // namespace millrace::serving
