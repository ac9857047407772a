#include "pipelines/substitute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::pipelines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Names kNames = {{"params.weeks", "4"},
                      {"params.city", "\"São Paulo\""},
                      {"params.list", "[1,2]"},
                      {"params.word", "\"plain-word_1.5\""},
                      {"event_time", "\"2001-03-01T00:00:00Z\""}};

TEST(Substitute, ReplacesNamesInJson) {
  struct Case {
    const char* name;
    const char* json;
    const char* expected;
  };
  const Case cases[] = {
      {"a number is itself", "7", "7"},
      {"a whole string takes the type", R"("${params.weeks}")", "4"},
      {"a list too", R"("${params.list}")", "[1,2]"},
      {"a part becomes text", R"("-${params.weeks}w")", R"("-4w")"},
      {"several", R"("${params.weeks} in ${params.city}")", R"("4 in São Paulo")"},
      {"inside", R"({"a":["${params.weeks}",{"b":"x${params.weeks}"}]})", R"({"a":[4,{"b":"x4"}]})"},
      {"event time", R"("${event_time}")", R"("2001-03-01T00:00:00Z")"},
      {"escaped", R"("$${params.weeks}")", R"("${params.weeks}")"},
      {"a lone dollar", R"("cost $5")", R"("cost $5")"},
      {"nothing in keys", R"({"${params.weeks}":1})", R"({"${params.weeks}":1})"},
  };
  for (const Case& c : cases) EXPECT_EQ(MUST(substitute(c.json, kNames)), c.expected) << c.name;
}

TEST(Substitute, RefusesUnknownNamesAndOpenBraces) {
  EXPECT_EQ(substitute(R"("${params.x}")", kNames).error().message, "${params.x} is not known");
  EXPECT_THAT(substitute(R"("a ${params.weeks")", kNames).error().message, HasSubstr("no closing brace"));
}

TEST(Substitute, CommandsKeepTheShellsOwnVariables) {
  EXPECT_EQ(MUST(substitute_command("echo ${HOME} ${params.weeks} $$ ${x:-${params.word}}", kNames)),
            "echo ${HOME} 4 $$ ${x:-plain-word_1.5}");
  EXPECT_EQ(MUST(substitute_command("echo ${event_time} ${open", kNames)), "echo 2001-03-01T00:00:00Z ${open");
}

TEST(Substitute, CommandsTakePlainWordsOnly) {
  const Names bad = {{"params.x", R"("a; rm -rf /")"}, {"params.empty", R"("")"}, {"params.glob", R"("*")"}};
  for (const char* command : {"echo ${params.x}", "echo ${params.empty}", "echo ${params.glob}"}) {
    EXPECT_EQ(substitute_command(command, bad).error().code, Code::kInvalidArgument) << command;
  }
}

TEST(Substitute, ListsNames) {
  EXPECT_THAT(MUST(names_in_json(R"({"a":"${x} ${params.y}","b":["${z}",1,null]})")),
              ElementsAre("x", "params.y", "z"));
  EXPECT_THAT(names_in_command("${HOME} ${params.a} ${run.id}"), ElementsAre("params.a", "run.id"));
  EXPECT_THAT(MUST(names_in("$${no}")), IsEmpty());
}

}  // namespace
}  // namespace millrace::pipelines
