#include "search/pattern.h"

#include <gtest/gtest.h>

namespace millrace::search {
namespace {

struct Case {
  std::string_view pattern;
  std::string_view text;
  bool matches;
};

bool matches(std::string_view pattern, std::string_view text, Pattern::Kind kind) {
  return MUST(Pattern::compile(pattern, kind)).matches(text);
}

TEST(Pattern, LikeIsSqls) {
  const Case cases[] = {
      {"abc", "abc", true},  {"abc", "xabcx", false}, {"a%", "abc", true},     {"%c", "abc", true},
      {"%b%", "abc", true},  {"a_c", "abc", true},    {"a_c", "ac", false},    {"", "", true},
      {"%", "", true},       {"_", "ä", true},        {"a.c", "abc", false},   {"a.c", "a.c", true},
      {"ABC", "abc", false}, {"%", "a\nb", true},     {"a%%%b", "a--b", true}, {"(%[", "(x[", true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(matches(c.pattern, c.text, Pattern::Kind::kLike), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(Pattern, IlikeIsBlindToCase) {
  EXPECT_TRUE(matches("aBc%", "AbCD", Pattern::Kind::kIlike));
  EXPECT_TRUE(matches("Ä%", "äx", Pattern::Kind::kIlike));
  EXPECT_FALSE(matches("abc", "abd", Pattern::Kind::kIlike));
}

TEST(Pattern, RlikeFindsSomewhere) {
  EXPECT_TRUE(matches("b+", "abbc", Pattern::Kind::kRlike));
  EXPECT_FALSE(matches("^b", "abbc", Pattern::Kind::kRlike));
  EXPECT_FALSE(Pattern::compile("(a)\\1", Pattern::Kind::kRlike));
}

// Takes for ever with a matcher that goes back.
TEST(Pattern, TimeIsLinearInTheText) {
  const std::string text(100'000, 'a');
  std::string like;
  for (int i = 0; i < 50; ++i) like += "%a";
  EXPECT_FALSE(matches(like + "%b", text, Pattern::Kind::kLike));
  EXPECT_FALSE(matches("^(a+)+$", text + "b", Pattern::Kind::kRlike));
}

}  // namespace
}  // namespace millrace::search
