#include "cli/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::cli {
namespace {

TEST(Text, Cells) {
  struct Case {
    const char* json;
    const char* text;
  };
  for (const auto& [json, text] : {Case{"null", "-"},
                                   {"\"a b\"", "a b"},
                                   {"12", "12"},
                                   {"true", "yes"},
                                   {"false", "no"},
                                   {"[]", "-"},
                                   {"[\"a\", 2]", "a, 2"},
                                   {"{}", "-"},
                                   {"{\"a\": 1, \"b\": null}", "a=1, b=-"},
                                   {"{\"a\": {\"b\": 1}}", "a={b=1}"},
                                   {"1160231.0", "1160231"},
                                   {"0.123456789", "0.123457"}})
    EXPECT_EQ(cell(*parse_json(json)), text) << json;
}

TEST(Text, AnAbsentMemberIsNothing) {
  Json object{{"a", 1}};
  EXPECT_EQ(cell(object, "a"), "1");
  EXPECT_EQ(cell(object, "b"), "-");
  EXPECT_EQ(cell_or_empty(object, "b"), "");
  EXPECT_EQ(cell(Json(nullptr), "b"), "-");
}

TEST(Text, TimesAreShort) {
  Json object{{"t", "2001-03-01T06:07:08.250000Z"}, {"n", nullptr}};
  EXPECT_EQ(short_time(object, "t"), "2001-03-01 06:07");
  EXPECT_EQ(short_time(object, "n"), "-");
}

TEST(Text, Elapsed) {
  struct Case {
    const char* until;
    const char* text;
  };
  for (const auto& [until, text] : {Case{"2001-03-01T00:00:00.45Z", "0.4 s"},
                                    {"2001-03-01T00:00:12.9Z", "12 s"},
                                    {"2001-03-01T00:03:05Z", "3 m 05 s"},
                                    {"2001-03-01T02:10:59Z", "2 h 10 m"},
                                    {"", "-"}}) {
    Json object{{"from", "2001-03-01T00:00:00Z"}, {"until", until}};
    EXPECT_EQ(elapsed(object, "from", "until"), text) << until;
  }
}

TEST(Text, DatesAreShorterThanTimes) {
  Json object{{"midnight", "2001-03-05T00:00:00Z"}, {"morning", "2001-03-05T06:00:00Z"}};
  EXPECT_EQ(short_date(object, "midnight"), "2001-03-05");
  EXPECT_EQ(short_date(object, "morning"), "2001-03-05 06:00");
}

TEST(Text, LongTextsAreCutBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc...");
  EXPECT_EQ(shortened("aé", 2), "a...");
}

TEST(Text, VersionsAndNumbers) {
  Json object{{"version", 3}, {"none", nullptr}, {"empty", ""}, {"id", "0123456789abcdef"}};
  EXPECT_EQ(version(object, "version"), "v3");
  EXPECT_EQ(version(object, "none"), "-");
  EXPECT_EQ(version(object, "empty"), "-");
  EXPECT_EQ(short_id(object, "id"), "01234567");
  EXPECT_EQ(short_id(object, "none"), "-");
  EXPECT_EQ(decimal(Json(0.41268), 4), "0.4127");
  EXPECT_EQ(decimal(Json(nullptr), 4), "-");
}

}  // namespace
}  // namespace millrace::cli
