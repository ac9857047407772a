#include "replicas/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "base/json.h"
#include "replicas/pin.h"

namespace millrace::replicas {
namespace {

using ::testing::HasSubstr;

const std::string kHash(64, 'a');

ServingState a_state() {
  ServingState state{.event_time = Timestamp{17}};
  state.endpoints.push_back(
      {.name = "shop",
       .document = R"({"kind": "Endpoint", "name": "shop", "model": "scores", "shadow": "third"})",
       .routes = MUST(serving::parse_routes(
           R"({"arms": [{"name": "champion", "weight": 0.1}, {"name": "next", "weight": 0.9}]})")),
       .arms = {{"champion", 3}},
       .shadows = {{"third", 5}},
       .features = FeatureState{"service", {{"farm", duck::Type::kVarchar}}, {"kilos"}},
       .evidence = serving::BanditEvidence{.versions = {{3, {10, 0.1}}}, .as_of = Timestamp{-5}}});
  state.versions.push_back({"scores", 3, {{"MLmodel", 12, kHash}, {"model/model.json", 0, kHash}}});
  return state;
}

std::string text_of(const Json& json) { return dump_json(json); }
Json json_of(const ServingState& state) { return MUST(parse_json(to_text(7, to_text(state)))); }

TEST(StateTest, WhatWasWrittenIsRead) {
  const auto read = parse_state(to_text(7, to_text(a_state())));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->generation, 7);
  EXPECT_EQ(to_text(read->state), to_text(a_state()));
  EXPECT_EQ(read->state.endpoints[0].routes, a_state().endpoints[0].routes);
  EXPECT_EQ(read->state.versions, a_state().versions);
}

TEST(StateTest, AStateThatIsNotToBeBelievedIsRefusedAsAWhole) {
  struct Case {
    std::string name;
    std::function<void(Json&)> spoil;
    std::string message;
  };
  const auto file = [](Json& json) -> Json& { return json["state"]["versions"][0]["files"][0]; };
  const auto endpoint = [](Json& json) -> Json& { return json["state"]["endpoints"][0]; };
  const Case cases[] = {
      {"another format", [](Json& json) { json["format"] = 2; }, "format 2"},
      {"no state", [](Json& json) { json.erase("state"); }, "\"state\" is missing"},
      {"a list", [](Json& json) { json["state"] = Json::array(); }, "an object is missing"},
      {"generation 0", [](Json& json) { json["generation"] = 0; }, "generation"},
      {"a path that leaves", [&](Json& json) { file(json)["path"] = "a/../../x"; }, "no path within a folder"},
      {"an absolute path", [&](Json& json) { file(json)["path"] = "/etc/passwd"; }, "no path within a folder"},
      {"dots", [&](Json& json) { file(json)["path"] = ".."; }, "no path within a folder"},
      {"a NUL", [&](Json& json) { file(json)["path"] = std::string("a\0b", 3); }, "no path within a folder"},
      {"a long path", [&](Json& json) { file(json)["path"] = std::string(2000, 'x'); }, "2000 characters"},
      {"a path twice", [&](Json& json) { file(json)["path"] = "model/model.json"; }, "there twice"},
      {"below a file", [&](Json& json) { file(json)["path"] = "model"; }, "lies below a file"},
      {"no hash", [&](Json& json) { file(json)["sha256"] = "../../etc"; }, "no SHA-256"},
      {"an upper-case hash", [&](Json& json) { file(json)["sha256"] = std::string(64, 'A'); }, "no SHA-256"},
      {"a gigantic file", [&](Json& json) { file(json)["size"] = 1e300; }, "whole number"},
      {"a very large file", [&](Json& json) { file(json)["size"] = ~std::uint64_t{0}; }, "\"size\""},
      {"a negative size", [&](Json& json) { file(json)["size"] = -1; }, "\"size\""},
      {"version 0", [](Json& json) { json["state"]["versions"][0]["version"] = 0; }, "\"version\""},
      {"a version twice", [](Json& json) { json["state"]["versions"].push_back(json["state"]["versions"][0]); },
       "version 3 of model scores is there twice"},
      {"an endpoint twice", [](Json& json) { json["state"]["endpoints"].push_back(json["state"]["endpoints"][0]); },
       "endpoint shop is there twice"},
      {"no name", [&](Json& json) { endpoint(json)["name"] = "../shop"; }, "no name of an endpoint"},
      {"routes that are none", [&](Json& json) { endpoint(json)["routes"] = "[1]"; }, "routes"},
      {"a negative version", [&](Json& json) { endpoint(json)["arms"]["champion"] = -3; }, "\"version\""},
      {"evidence of words", [&](Json& json) { endpoint(json)["evidence"]["versions"] = {{1, "a", 2}}; }, "evidence"},
      {"members of words", [&](Json& json) { endpoint(json)["members"] = {"m"}; }, "an object is missing"},
      {"features of nothing",
       [&](Json& json) {
         endpoint(json)["features"] = {{"service", "s"}, {"inputs", Json::array()}, {"features", {"f"}}};
       },
       "no columns"},
      {"an input of no type",
       [&](Json& json) {
         endpoint(json)["features"] = {
             {"service", "s"}, {"inputs", {{{"name", "i"}, {"type", "blob"}}}}, {"features", {"f"}}};
       },
       "a type that is none"},
      {"unloaded of words", [&](Json& json) { endpoint(json)["unloaded"] = "no"; }, "unloaded"},
  };
  for (const auto& at : cases) {
    Json json = json_of(a_state());
    at.spoil(json);
    const auto read = parse_state(text_of(json));
    ASSERT_FALSE(read) << at.name;
    EXPECT_THAT(read.error().message, HasSubstr(at.message)) << at.name;
  }
  EXPECT_FALSE(parse_state("{"));
  EXPECT_FALSE(parse_state(""));
}

TEST(StateTest, WhateverBytesComeAreReadOrRefused) {
  const std::string good = to_text(7, to_text(a_state()));
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 8 == 0) bad.resize(random() % bad.size());
    const auto read = parse_state(bad);
    if (read) EXPECT_TRUE(parse_state(to_text(read->generation, to_text(read->state)))) << bad;
  }
}

TEST(StateTest, TheEntityTagIsOfEveryByte) {
  EXPECT_EQ(etag_of("a"), etag_of("a"));
  EXPECT_NE(etag_of(to_text(7, "{}")), etag_of(to_text(8, "{}")));
}

TEST(StateTest, FoldersAreEqualByPathsAndContents) {
  const std::vector<ModelFile> files = a_state().versions[0].files;
  std::vector<ModelFile> renamed = files, changed = files;
  renamed[0].path = "mlmodel";
  changed[0].sha256.back() = 'b';
  EXPECT_EQ(digest_of(files), digest_of(a_state().versions[0].files));
  EXPECT_NE(digest_of(files), digest_of(renamed));
  EXPECT_NE(digest_of(files), digest_of(changed));
}

TEST(PinTest, AnArmIsTheVersionThatAnswersAtTheServer) {
  const auto spec = pinned_spec(a_state().endpoints[0]);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->model, "scores");
  ASSERT_EQ(spec->routes.arms.size(), 2);
  EXPECT_EQ(spec->routes.arms[0].version, 3);
  EXPECT_EQ(spec->routes.arms[0].alias, "");
  EXPECT_EQ(spec->routes.arms[0].weight, 0.1);
  EXPECT_EQ(spec->routes.arms[1].version, std::nullopt);
  EXPECT_EQ(spec->routes.arms[1].alias, "next") << "which stands nowhere";
  EXPECT_EQ(spec->shadow.front().name, "third");
}

TEST(PinTest, ADocumentOfAnotherEndpointIsRefused) {
  EndpointState endpoint = a_state().endpoints[0];
  endpoint.document = R"({"kind": "Endpoint", "name": "other", "model": "scores"})";
  EXPECT_FALSE(pinned_spec(endpoint));
  endpoint.document = R"({"kind": "Endpoint", "name": "shop", "modle": "scores"})";
  EXPECT_FALSE(pinned_spec(endpoint));
}

}  // namespace
}  // namespace millrace::replicas
