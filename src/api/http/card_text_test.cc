#include "api/http/card_text.h"

#include <gmock/gmock.h>

namespace millrace::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<CardSection> kGenerated = {
    {.title = "Training", .text = "", .table = {{"param", "value"}, {{"eta", "0.1"}, {"a|b", "<i>x</i>"}}}},
    {.title = "Limits", .text = "", .table = {}},
    {.title = "Contact", .text = "ann\n", .table = {}}};

TEST(CardText, IsGeneratedFromTheRecords) {
  EXPECT_EQ(card_text("delays version 3", kGenerated, {}),
            "# delays version 3\n"
            "\n## Training\n\n"
            "| param | value |\n| --- | --- |\n| eta | 0.1 |\n| a\\|b | &lt;i\\>x&lt;/i\\> |\n"
            "\n## Contact\n\nann\n");
}

TEST(CardText, WhatPeopleWroteWinsForItsSections) {
  const auto written = read_card(
      "---\nlicense: apache-2.0\ntags: [x]\n---\n# Title\nWhat it is for.\n## limits\nOnly winter.\n## Ethics\nNone "
      "known.\n");
  EXPECT_EQ(written.licence, "apache-2.0");
  const auto card = card_text("d", kGenerated, written);
  EXPECT_THAT(card, HasSubstr("# d\n\nWhat it is for.\n\n## Ethics\n\nNone known.\n\n## Training"));
  EXPECT_THAT(card, HasSubstr("## limits\n\nOnly winter.\n"));
  EXPECT_THAT(card, Not(HasSubstr("Title")));
}

TEST(CardText, HtmlIsText) {
  struct Case {
    std::string given, safe;
  };
  for (const auto& [given, safe] : {
           Case{"<script>x</script>", "&lt;script>x&lt;/script>\n"},
           Case{"[a](javascript:alert(1))", "[a](#javascript:alert(1))\n"},
           Case{"[a]( JaVaScRiPt:alert(1))", "[a](# JaVaScRiPt:alert(1))\n"},
           Case{"[a](java&#115;cript:x)", "[a](#java&#115;cript:x)\n"},
           Case{"[a](data:text/html,x)", "[a](#data:text/html,x)\n"},
           Case{"[a]: javascript:x", "[a]: # javascript:x\n"},
           Case{"[a](https://x.org/a:b)", "[a](https://x.org/a:b)\n"},
           Case{"[a](docs/x.md)", "[a](docs/x.md)\n"},
           Case{"```\nif (a < b)\n```\n<b>", "```\nif (a < b)\n```\n&lt;b>\n"},
           Case{"- a\n  ```\n<img>", "- a\n  ```\n&lt;img>\n"},
           Case{"> ```\n<img>", "> ```\n&lt;img>\n"},
           Case{std::string("a\x1b[2Jb\0c", 8), "a[2Jbc\n"},
       }) {
    EXPECT_EQ(safe_markdown(given), safe);
  }
}

TEST(CardText, AHeadingInCodeIsNoSection) {
  EXPECT_EQ(read_card("```\n## not one\n```\n").sections.size(), 0U);
  EXPECT_EQ(read_card("---\nno end\n").opening, "---\nno end\n");
  EXPECT_EQ(read_card("").opening, "");
}

TEST(CardText, ALongCellIsCutBetweenCharacters) {
  const auto cell = plain(std::string(499, 'a') + "ßß");
  EXPECT_EQ(cell, std::string(499, 'a') + "…");
}

}  // namespace
}  // namespace millrace::api
