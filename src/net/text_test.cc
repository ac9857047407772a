#include "net/text.h"

#include <gtest/gtest.h>

#include "net/client.h"
#include "net/request.h"
#include "net/response.h"

namespace millrace::net {
namespace {

TEST(Text, DecodesPercentEscapes) {
  struct Case {
    std::string_view name, text;
    bool plus_is_space, good;
    std::string_view decoded;
  };
  const Case cases[] = {
      {"plain", "abc", false, true, "abc"},          {"escape", "a%20b", false, true, "a b"},
      {"lower case", "%2f", false, true, "/"},       {"two bytes", "%C3%A9", false, true, "é"},
      {"plus in a path", "a+b", false, true, "a+b"}, {"plus in a query", "a+b", true, true, "a b"},
      {"not hex", "%zz", false, false, ""},          {"cut short", "abc%4", false, false, ""},
      {"bare percent", "100%", false, false, ""},    {"NUL", "a%00b", false, false, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    std::string out;
    EXPECT_EQ(decode_percent(c.text, c.plus_is_space, out), c.good);
    if (c.good) EXPECT_EQ(out, c.decoded);
  }
}

TEST(Text, KnowsUtf8) {
  for (const std::string_view good : {"", "abc", "é", "€", "\xF0\x9F\x98\x80", "\xEF\xBF\xBF"})
    EXPECT_TRUE(is_utf8(good));
  for (const std::string_view bad :
       {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "a\xE2\x82"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(Text, EncodesComponents) { EXPECT_EQ(encode_component("a b/é~"), "a%20b%2F%C3%A9~"); }

TEST(Text, ReadsQueryParameters) {
  const Request request{.query_string = "a=1&b=x%20y&c&a=2&%61b=z+z&=e"};
  EXPECT_EQ(request.query("a"), "1");
  EXPECT_EQ(request.query("b"), "x y");
  EXPECT_EQ(request.query("c"), "");
  EXPECT_EQ(request.query("ab"), "z z");
  EXPECT_EQ(request.query("d"), std::nullopt);
  EXPECT_EQ(request.query_parameters().size(), 6U);
}

TEST(Text, ErrorBodyIsEscapedJson) {
  EXPECT_EQ(error_body("NOT_FOUND", "no \"x\""), R"({"error":{"code":"NOT_FOUND","message":"no \"x\""}})");
}

}  // namespace
}  // namespace millrace::net
