#include "serving/endpoint_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

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
  EXPECT_EQ(spec->routes, single_route("best"));
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
  EXPECT_EQ(spec->routes, single_route("champion"));
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

TEST(EndpointSpecTest, AModelMayBeAFileOfTheProject) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml("kind: Endpoint\nname: d\nmodel: file:./models/m/\n", "e.yaml", diagnostics);
  const auto spec = parse_endpoint(documents.at(0), diagnostics);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->file, "models/m");
  EXPECT_EQ(spec->model, "d.file");
  EXPECT_EQ(spec->model_at.line, 3);
  EXPECT_EQ(spec->routes.arm_names(), std::vector<std::string>{"file"});
  EXPECT_EQ(
      faults("kind: Endpoint\nname: d\nmodel: file:m.ubj\nshadow: b\n"),
      std::vector<std::string>{"e.yaml:4:9: an endpoint whose model is a file has one version and no \"shadow\""});
}

TEST(EndpointSpecTest, RoutesDivideRequestsAmongArms) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml(
      "kind: Endpoint\nname: d\nmodel: m\nroutes:\n  arms:\n    - {name: champion, weight: 90}\n"
      "    - {name: next, alias: challenger, weight: 10}\n    - {name: old, version: 3, weight: 0}\n"
      "  sticky: {input: user, salt: spring}\n  override: {header: x-arm}\n",
      "e.yaml", diagnostics);
  const auto spec = parse_endpoint(documents.at(0), diagnostics);
  ASSERT_TRUE(spec && diagnostics.empty());
  const RoutesSpec& routes = spec->routes;
  EXPECT_EQ(routes.arm_names(), (std::vector<std::string>{"champion", "next", "old"}));
  EXPECT_EQ(routes.arms[0].alias, "champion");
  EXPECT_EQ(routes.arms[1].alias, "challenger");
  EXPECT_EQ(routes.arms[2].version, 3);
  EXPECT_EQ(routes.arms[2].alias, "");
  EXPECT_EQ(routes.sticky->name, "user");
  EXPECT_EQ(routes.sticky->at.line, 9);
  EXPECT_EQ(routes.chosen_by->source, OverrideSpec::Source::kHeader);
  EXPECT_EQ(shares_text(routes), "champion 90%, next 10%, old 0%");
  EXPECT_EQ(*parse_routes(dump_json(to_json(routes))), routes);
}

TEST(EndpointSpecTest, ABanditHasArmsWithoutWeights) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml(
      "kind: Endpoint\nname: d\nmodel: m\nroutes:\n  arms: [{name: a}, {name: b}]\n"
      "  bandit: {reward: 1 - label, every: 1h, window: 30d, floor: 0.05}\n",
      "e.yaml", diagnostics);
  const auto spec = parse_endpoint(documents.at(0), diagnostics);
  ASSERT_TRUE(spec && diagnostics.empty());
  EXPECT_EQ(spec->routes.bandit->reward, "1 - label");
  EXPECT_EQ(spec->routes.bandit->every, std::chrono::hours(1));
  EXPECT_EQ(spec->routes.bandit->window, std::chrono::days(30));
  EXPECT_EQ(*parse_routes(dump_json(to_json(spec->routes))), spec->routes);
}

TEST(EndpointSpecTest, SaysWhatIsWrongWithRoutes) {
  const struct {
    std::string_view name, routes, fault;
  } cases[] = {
      {"no arms", "{arms: []}", "4:16: routes need \"arms\", a list of at least one"},
      {"negative", "{arms: [{name: a, weight: -1}, {name: b, weight: 2}]}",
       "4:35: the weight of arm a must be 0 or more, not -1"},
      {"all zero", "{arms: [{name: a, weight: 0}]}", "4:16: no arm has a weight above 0, so that none would answer"},
      {"some weights", "{arms: [{name: a, weight: 1}, {name: b}]}",
       "4:16: 1 of 2 arms have a weight; give every arm one, or none"},
      {"twice", "{arms: [{name: a}, {name: a}]}", "4:28: arm a stands here twice"},
      {"unknown key", "{arms: [{name: a, wieght: 1}]}", "4:27: an arm has no key \"wieght\"; did you mean \"weight\"?"},
      {"alias and version", "{arms: [{name: a, alias: b, version: 2}]}",
       "4:46: an arm has an alias or a version, not both"},
      {"version 0", "{arms: [{name: a, version: 0}]}", "4:36: versions are 1, 2, 3..."},
      {"arm's name", "{arms: [{name: a/b}]}",
       "4:24: an arm's name is made of letters, digits, _ and -, and starts with a letter or _"},
      {"sticky by nothing", "{arms: [{name: a}], sticky: {salt: x}}",
       "4:37: \"sticky\" needs one of input, parameter, header"},
      {"sticky by two", "{arms: [{name: a}], sticky: {input: x, header: y}}",
       "4:37: \"sticky\" needs one of input, parameter, header"},
      {"override by an input", "{arms: [{name: a}], override: {input: x}}",
       "4:39: \"override\" needs one of header, parameter"},
      {"bandit and weights", "{arms: [{name: a, weight: 1}, {name: b, weight: 1}], bandit: {}}",
       "4:70: a bandit decides the shares of the arms, which have no weights then"},
      {"one arm", "{arms: [{name: a}], bandit: {}}", "4:37: a bandit needs two arms or more"},
      {"reward", "{arms: [{name: a}, {name: b}], bandit: {reward: lable}}",
       "4:57: \"reward\": there is no column \"lable\"; did you mean \"label\"?"},
      {"floor", "{arms: [{name: a}, {name: b}], bandit: {floor: 0.5}}",
       "4:56: \"floor\" must be 0 or more and below 1/2, as 2 arms have it"},
      {"every", "{arms: [{name: a}, {name: b}], bandit: {every: 10}}", "4:56: "},
  };
  for (const auto& test : cases) {
    const auto found = faults(fmt::format("kind: Endpoint\nname: d\nmodel: m\nroutes: {}\n", test.routes));
    ASSERT_FALSE(found.empty()) << test.name;
    EXPECT_TRUE(found.front().starts_with(fmt::format("e.yaml:{}", test.fault))) << test.name << ": " << found.front();
  }
  EXPECT_EQ(faults("kind: Endpoint\nname: d\nmodel: m\nalias: a\nroutes: {arms: [{name: a}]}\n"),
            std::vector<std::string>{
                "e.yaml:4:8: an endpoint has \"alias\" or \"routes\", whose arms name aliases, not both"});
  EXPECT_EQ(faults("kind: Endpoint\nname: d\nmodel: m\nroutes: {arms: [{name: a}]}\nshadow: a\n"),
            std::vector<std::string>{"e.yaml:5:9: alias a answers already and cannot be a shadow too"});
}

TEST(EndpointSpecTest, TheSchemaIsJsonAndNamesTheKind) {
  const auto schema = nlohmann::json::parse(endpoint_schema());
  EXPECT_EQ(schema["properties"]["kind"]["const"], "Endpoint");
}

}  // namespace
}  // namespace millrace::serving
