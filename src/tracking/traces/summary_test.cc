#include "tracking/traces/summary.h"

#include <gtest/gtest.h>

namespace millrace::tracking {
namespace {

TEST(TraceSummary, TokensAreCountedOnceInATree) {
  struct Case {
    const char* name;
    std::vector<SpanCount> spans;
    std::optional<std::string> sum;
  };
  const Case cases[] = {
      {"none", {{"a", "", ""}}, std::nullopt},
      {"siblings", {{"a", "", ""}, {"b", "a", R"({"t":1})"}, {"c", "a", R"({"t":2})"}}, R"({"t":3})"},
      {"a parent has counted its children", {{"a", "", R"({"t":3})"}, {"b", "a", R"({"t":1})"}}, R"({"t":3})"},
      {"and its grandchildren", {{"c", "b", R"({"t":9})"}, {"b", "a", ""}, {"a", "", R"({"t":3})"}}, R"({"t":3})"},
      {"costs", {{"a", "", R"({"c":0.5})"}, {"b", "", R"({"c":1})"}}, R"({"c":1.5})"},
      {"a circle", {{"a", "b", R"({"t":1})"}, {"b", "a", ""}}, R"({"t":1})"},
      {"no numbers", {{"a", "", R"({"t":"x"})"}, {"b", "", "7"}, {"c", "", "{"}}, std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(add_up(c.spans), c.sum) << c.name;
}

TEST(TraceSummary, PreviewsShowTheMessageThatMatters) {
  struct Case {
    const char* name;
    const char* json;
    const char* preview;
  };
  const Case cases[] = {
      {"an object", R"({"a":1})", R"({"a":1})"},
      {"messages", R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"}]})", "hi"},
      {"a list", R"([{"role":"user","content":"one"},{"role":"user","content":"two"}])", "two"},
      {"choices", R"({"choices":[{"message":{"role":"assistant","content":"hello"}}]})", "hello"},
      {"content that is no text", R"([{"role":"user","content":[1]}])", R"([{"role":"user","content":[1]}])"},
      {"no JSON", "what", "what"},
  };
  for (const Case& c : cases) EXPECT_EQ(preview_of(c.json, "user"), c.preview) << c.name;
  EXPECT_EQ(preview_of(std::string(2000, 'x'), "user"), std::string(997, 'x') + "...");
}

TEST(TraceSummary, TheTextOfJson) {
  EXPECT_EQ(text_of(R"("a\nb")"), "a\nb");
  EXPECT_EQ(text_of(R"("")"), "");
  EXPECT_EQ(text_of("1"), std::nullopt);
  EXPECT_EQ(text_of(""), std::nullopt);
}

}  // namespace
}  // namespace millrace::tracking
