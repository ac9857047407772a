#include "serving/endpoint_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::serving {
namespace {

std::vector<std::string> faults(std::string_view text) {
  Diagnostics diagnostics;
  for (const Node& document : parse_yaml(text, "e.yaml", diagnostics)) parse_endpoint(document, diagnostics);
  std::vector<std::string> result;
  for (const Diagnostic& diagnostic : diagnostics.list) result.push_back(format_diagnostic(diagnostic));
  return result;
}

TEST(EndpointSpecTest, ReadsADocument) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml(
      "kind: Endpoint\nname: delays\nmodel: late\nalias: best\nshadow: [baseline, next]\nfeatures: delay_features\n",
      "e.yaml", diagnostics);
  const auto spec = parse_endpoint(documents.at(0), diagnostics);
  ASSERT_TRUE(spec && diagnostics.empty());
  EXPECT_EQ(spec->name, "delays");
  EXPECT_EQ(spec->model, "late");
  EXPECT_EQ(spec->alias, "best");
  ASSERT_EQ(spec->shadow.size(), 2U);
  EXPECT_EQ(spec->shadow[1].name, "next");
  EXPECT_EQ(spec->shadow[1].at.line, 5);
  EXPECT_EQ(spec->features, "delay_features");
  EXPECT_EQ(spec->features_at.line, 6);
}

TEST(EndpointSpecTest, AliasIsTheChampionAndOneShadowNeedsNoList) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml("kind: Endpoint\nname: d\nmodel: m\nshadow: baseline\n", "e.yaml", diagnostics);
  const auto spec = parse_endpoint(documents.at(0), diagnostics);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->alias, "champion");
  ASSERT_EQ(spec->shadow.size(), 1U);
  EXPECT_FALSE(spec->features);
}

TEST(EndpointSpecTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(faults("kind: Endpoint\nname: d\nmodle: m\n").size(), 2U);
  EXPECT_EQ(faults("kind: Endpoint\nname: d/e\nmodel: m\n"),
            std::vector<std::string>{
                "e.yaml:2:7: an endpoint's name is made of letters, digits, _ and -, and starts with a letter or _"});
  EXPECT_EQ(faults("kind: Endpoint\nname: d\nmodel: m\nshadow: [champion]\n"),
            std::vector<std::string>{"e.yaml:4:9: alias champion answers already and cannot be a shadow too"});
  EXPECT_EQ(faults("kind: Endpoint\nname: d\nmodel: m\nshadow: [a, a]\n"),
            std::vector<std::string>{"e.yaml:4:9: alias a is a shadow twice"});
  EXPECT_EQ(faults("kind: Endpoint\nname: d\nmodel: m\nshadow: {a: b}\n"),
            std::vector<std::string>{"e.yaml:4:9: \"shadow\" must be an alias or a list of aliases"});
}

TEST(EndpointSpecTest, TheSchemaIsJsonAndNamesTheKind) {
  const auto schema = nlohmann::json::parse(endpoint_schema());
  EXPECT_EQ(schema["properties"]["kind"]["const"], "Endpoint");
}

}  // namespace
}  // namespace millrace::serving
