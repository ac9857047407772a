#include "api/mlflow/url_signer.h"

#include <gtest/gtest.h>

namespace millrace::api {
namespace {

class UrlSignerTest : public ::testing::Test {
 protected:
  std::string query_of(const std::string& url) const { return url.substr(url.find('?') + 1); }
  Result<void> check(std::string_view method, const std::string& query, std::string_view path) const {
    return signer.check(net::Request{.method = method, .query_string = query}, path);
  }

  SeededIds ids;
  ManualClock clock{Timestamp{1'000'000'000'000}};
  UrlSigner signer{ids, clock};
  net::Field host{"Host", "mill:8080"};
  net::Request from{.headers = {&host, 1}};
};

TEST_F(UrlSignerTest, WhatIsSignedMayBeUsedForAWhile) {
  const std::string url = signer.sign(from, "GET", "/a/b");
  EXPECT_TRUE(url.starts_with("http://mill:8080/a/b?expires=1021600&signature=")) << url;
  EXPECT_TRUE(check("GET", query_of(url), "/a/b").has_value());
  EXPECT_TRUE(check("HEAD", query_of(url), "/a/b").has_value());
  clock.advance(UrlSigner::kLifetime);
  EXPECT_EQ(check("GET", query_of(url), "/a/b").error().code, Code::kPermissionDenied);
}

TEST_F(UrlSignerTest, WhatIsNotSignedMayNot) {
  const std::string query = query_of(signer.sign(from, "GET", "/a/b"));
  EXPECT_FALSE(check("PUT", query, "/a/b").has_value());
  EXPECT_FALSE(check("GET", query, "/a/c").has_value());
  EXPECT_FALSE(check("GET", "", "/a/b").has_value());
  EXPECT_FALSE(check("GET", "expires=9999999999&" + query.substr(query.find("signature")), "/a/b").has_value());
  const UrlSigner other(ids, clock);
  EXPECT_FALSE(other.check(net::Request{.method = "GET", .query_string = query}, "/a/b").has_value());
}

}  // namespace
}  // namespace millrace::api
