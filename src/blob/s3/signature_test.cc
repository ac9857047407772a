#include "blob/s3/signature.h"

#include <gmock/gmock.h>

#include "base/hash.h"

namespace millrace::blob {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// The examples of the S3 API reference, "Examples: Signature Calculations".
const Credentials kExample = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr std::string_view kHost = "examplebucket.s3.amazonaws.com";
const Timestamp kMoment = *parse_time("2013-05-24T00:00:00Z");

std::string authorization(const S3Request& request, std::string_view body = "") {
  for (const auto& [name, value] : sign(request, kHost, sha256(body), kExample, "us-east-1", kMoment))
    if (name == "authorization") return value;
  return "";
}

TEST(Signature, IsThatOfTheReferencesGet) {
  EXPECT_THAT(authorization({.method = "GET", .path = "/test.txt", .query = {}, .headers = {{"range", "bytes=0-9"}}}),
              EndsWith("SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                       "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST(Signature, IsThatOfTheReferencesPut) {
  EXPECT_THAT(authorization({.method = "PUT",
                             .path = "/test%24file.text",
                             .query = {},
                             .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                         {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                            "Welcome to Amazon S3."),
              EndsWith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(Signature, IsThatOfTheReferencesQueries) {
  EXPECT_THAT(authorization({.method = "GET", .path = "/", .query = {{"lifecycle", ""}}, .headers = {}}),
              EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(
      authorization({.method = "GET", .path = "/", .query = {{"prefix", "J"}, {"max-keys", "2"}}, .headers = {}}),
      EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(Signature, IsThatOfTheReferencesPresignedUrl) {
  const auto url = presign({.method = "GET", .path = "/test.txt", .query = {}, .headers = {}}, kHost,
                           std::chrono::hours(24), kExample, "us-east-1", kMoment);
  EXPECT_THAT(url,
              HasSubstr("/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2013"));
  EXPECT_THAT(url, EndsWith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

TEST(Signature, CarriesTheTokenOfASession) {
  Credentials session = kExample;
  session.session_token = "token";
  const auto added = sign({.method = "GET", .path = "/", .query = {}, .headers = {}}, kHost, sha256(""), session,
                          "us-east-1", kMoment);
  EXPECT_THAT(added, ::testing::Contains(::testing::Pair("x-amz-security-token", "token")));
}

}  // namespace
}  // namespace millrace::blob
