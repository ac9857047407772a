#include "base/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

std::vector<std::string> faults(const Diagnostics& diagnostics) {
  std::vector<std::string> out;
  for (const auto& diagnostic : diagnostics.list) out.push_back(format_diagnostic(diagnostic));
  return out;
}

TEST(Document, KnowsWhereEachValueStands) {
  Diagnostics diagnostics;
  auto documents = parse_yaml("kind: Dataset\ncolumns:\n  - {name: date, type: timestamp}\n---\nkind: Project\n",
                              "a.yaml", diagnostics);
  ASSERT_TRUE(diagnostics.empty());
  ASSERT_EQ(documents.size(), 2u);
  const auto& type = *documents[0].find("columns")->items[0].find("type");
  EXPECT_EQ(type.text, "timestamp");
  EXPECT_EQ(type.at.line, 3);
  EXPECT_EQ(type.at.column, 24);
  EXPECT_EQ(documents[1].find("kind")->at.line, 5);
}

TEST(Document, ReportsUnknownKeysWithTheNearestName) {
  Diagnostics diagnostics;
  auto documents = parse_yaml("name: flights\nexpektations: 3\n", "a.yaml", diagnostics);
  ObjectReader reader(documents[0], diagnostics, "Dataset");
  reader.required_string("name");
  reader.list("expectations");
  reader.finish();
  EXPECT_THAT(faults(diagnostics),
              testing::ElementsAre("a.yaml:2:1: Dataset has no key \"expektations\"; did you mean \"expectations\"?"));
}

TEST(Document, ReportsEveryFaultAtItsPosition) {
  struct Case {
    std::string name, text, fault;
  };
  const Case cases[] = {
      {"missing", "ttl: 3h\n", "a.yaml:1:1: View needs the key \"name\""},
      {"bad duration", "name: x\nttl: 3 hours\n",
       "a.yaml:2:6: \"3 hours\" is not a length of time; write it like 90s, 15m, 3h, 7d or 2w"},
      {"wrong type", "name: x\nttl: [1]\n", "a.yaml:2:6: \"ttl\" must be a length of time, not a list"},
      {"twice", "name: x\nname: y\n", "a.yaml:2:1: key \"name\" stands here twice"},
      {"alias", "name: &a x\nttl: *a\n", "a.yaml:2:6: YAML aliases are not supported; write the value out"},
  };
  for (const auto& c : cases) {
    Diagnostics diagnostics;
    auto documents = parse_yaml(c.text, "a.yaml", diagnostics);
    for (const auto& document : documents) {
      ObjectReader reader(document, diagnostics, "View");
      reader.required_string("name");
      reader.duration("ttl");
      reader.finish();
    }
    EXPECT_THAT(faults(diagnostics), testing::Contains(c.fault)) << c.name;
  }
}

TEST(Document, SurvivesDeepNesting) {
  Diagnostics diagnostics;
  parse_yaml(std::string(10'000, '['), "a.yaml", diagnostics);
  EXPECT_FALSE(diagnostics.empty());
}

TEST(Document, TurnsScalarsIntoJson) {
  Diagnostics diagnostics;
  auto documents =
      parse_yaml("{a: 1, b: 1.5, c: true, d: '1', e: x, f: null, g: [1, 2], h: nan}", "a.yaml", diagnostics);
  EXPECT_EQ(dump_json(documents[0].to_json()),
            R"({"a":1,"b":1.5,"c":true,"d":"1","e":"x","f":null,"g":[1,2],"h":"nan"})");
}

}  // namespace
}  // namespace millrace
