#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "base/files.h"
#include "cli/cli.h"

namespace millrace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A small program: `mill --json`, `mill grain list --limit N`, and a command that is not for people.
void build(CLI::App& app) {
  app.name("millrace");
  app.add_flag("--json")->description("Print JSON");
  auto* grain = app.add_subcommand("grain", "The miller's grain; and more");
  static int limit = 0;
  grain->add_subcommand("list", "All: of it")->add_option("--limit", limit, "How many");
  app.add_subcommand("secret")->group("");
}

std::string script(std::string_view shell) {
  CLI::App app;
  build(app);
  return completion_script(app, shell).value();
}

// What bash would offer for the words of a command line, the last of which is being typed.
std::string offered(const std::string& words, int last) {
  TemporaryDirectory directory;
  auto file = directory.path() / "completion.bash";
  MUST(write_file(
      file, script("bash") +
                fmt::format("\nCOMP_WORDS=({}); COMP_CWORD={}; _millrace; echo \"${{COMPREPLY[*]}}\"\n", words, last)));
  auto* pipe = popen(("bash " + file.string()).c_str(), "r");
  std::string out;
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe)) out += buffer.data();
  pclose(pipe);
  return out;
}

TEST(Completion, BashOffersCommandsAndOptionsWhereTheyBelong) {
  struct Case {
    const char* words;
    int last;
    const char* offered;
  };
  for (const auto& [words, last, expected] : {Case{"millrace ''", 1, "grain\n"},
                                              {"millrace gr", 1, "grain\n"},
                                              {"millrace x", 1, "\n"},
                                              {"millrace grain ''", 2, "list\n"},
                                              {"millrace --json grain l", 3, "list\n"},
                                              {"millrace grain list --l", 3, "--limit\n"},
                                              {"millrace grain list --j", 3, "--json\n"},
                                              {"millrace grain list --limit ''", 4, "\n"},
                                              {"millrace --li", 1, "\n"}})
    EXPECT_EQ(offered(words, last), expected) << words;
}

TEST(Completion, ZshDescribesWithColonsEscaped) {
  EXPECT_THAT(script("zsh"), HasSubstr(R"('grain:The miller'\''s grain')"));
  EXPECT_THAT(script("zsh"), HasSubstr(R"('list:All\: of it')"));
}

TEST(Completion, FishKnowsWhichOptionsTakeAValue) {
  EXPECT_THAT(script("fish"),
              HasSubstr(R"(complete -c millrace -n '__millrace_at "/grain/list"' -l limit -r -d 'How many')"));
  EXPECT_THAT(script("fish"), HasSubstr(R"(complete -c millrace -n '__millrace_at ""' -l json -d 'Print JSON')"));
  EXPECT_THAT(script("fish"), HasSubstr(R"(-a grain -d 'The miller\'s grain')"));
}

TEST(Completion, WhatIsNotForPeopleIsNotOffered) {
  for (auto shell : {"bash", "zsh", "fish"}) EXPECT_THAT(script(shell), Not(HasSubstr("secret"))) << shell;
}

TEST(Completion, AnUnknownShellIsNamed) {
  CLI::App app;
  EXPECT_EQ(completion_script(app, "tcsh").error().message,
            "there is no completion for the shell \"tcsh\"; there is for bash, zsh and fish");
}

}  // namespace
}  // namespace millrace::cli
