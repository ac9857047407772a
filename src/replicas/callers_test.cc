#include "replicas/callers.h"

#include <gtest/gtest.h>

namespace millrace::replicas {
namespace {

TEST(CallersTest, WhatWasWrittenIsRead) {
  const Callers callers{.closed = true,
                        .tokens = {{"ann", "ci", std::string(64, 'a'), access::Role::kViewer, std::nullopt},
                                   {"bob", "", std::string(64, 'b'), access::Role::kDeployer, Timestamp{17}}}};
  const auto read = parse_callers(to_text(callers));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->closed);
  EXPECT_EQ(read->tokens, callers.tokens);
  EXPECT_FALSE(parse_callers(to_text(Callers{.closed = false}))->closed);
}

TEST(CallersTest, WhatIsMalformedLetsNobodyIn) {
  const std::string a(64, 'a');
  const std::string good =
      R"({"name": "ann", "token": "ci", "sha256": ")" + a + R"(", "role": "viewer", "expires_us": null})";
  ASSERT_TRUE(parse_callers(R"({"closed": true, "callers": [)" + good + "]}"));
  for (
      const std::string& bad :
      {std::string(R"({"callers": []})"), std::string(R"({"closed": 0, "callers": []})"), std::string("[]"),
       R"({"closed": true, "callers": [)" + good + "," + good + "]}",
       R"({"closed": true, "callers": [{"name": "ann", "token": "ci", "sha256": ")" + a +
           R"(", "role": "king", "expires_us": null}]})",
       R"({"closed": true, "callers": [{"name": "", "token": "ci", "sha256": ")" + a +
           R"(", "role": "viewer", "expires_us": null}]})",
       R"({"closed": true, "callers": [{"name": "ann", "token": "ci", "sha256": ")" + a + R"(", "role": "viewer"}]})",
       std::string(
           R"({"closed": true, "callers": [{"name": "ann", "token": "ci", "sha256": "", "role": "viewer", "expires_us": null}]})"),
       std::string(R"({"closed": true, "callers": [7]})")})
    EXPECT_FALSE(parse_callers(bad)) << bad;
}

}  // namespace
}  // namespace millrace::replicas
