#include "base/base64.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Base64, HasTheVectorsOfRfc4648) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
}

TEST(Base64, BytesOfEveryValueComeBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
}

TEST(Base64, WhatIsNotBase64IsNothing) {
  for (const std::string_view text : {"Z", "Zm9v!", "Zm 9v", "Z===", "Zg==Zg"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

TEST(Base64, ForUrls) {
  EXPECT_EQ(base64url_encode(std::string("\xfb\xef\xff\xfe", 4)), "--___g");
  EXPECT_EQ(base64url_decode("--___g"), std::string("\xfb\xef\xff\xfe", 4));
  for (const std::string text : {"--___g==", "++", "a"}) EXPECT_FALSE(base64url_decode(text)) << text;
}

}  // namespace
}  // namespace millrace
