#include "app/exposure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::app {
namespace {

TEST(ExposureTest, BeyondThisMachineNothingIsOpenByOversight) {
  struct Case {
    std::string name;
    Exposure exposure;
    std::string missing;  // "": it may start
  };
  const Case cases[] = {
      {"loopback", {.loopback = true}, ""},
      {"elsewhere", {.loopback = false}, "--allow-anonymous"},
      {"elsewhere with TLS", {.loopback = false, .tls = true}, "--allow-anonymous"},
      {"with users", {.loopback = false, .users = true}, "--allow-plaintext"},
      {"with both", {.loopback = false, .users = true, .tls = true}, ""},
      {"behind a proxy", {.loopback = false, .users = true, .allow_plaintext = true}, ""},
      {"open to all, encrypted", {.loopback = false, .tls = true, .allow_anonymous = true}, ""},
      {"anonymous is not plaintext", {.loopback = false, .allow_anonymous = true}, "--allow-plaintext"},
      {"all is said", {.loopback = false, .allow_anonymous = true, .allow_plaintext = true}, ""},
  };
  for (const auto& at : cases) {
    const auto result = check_exposure(at.exposure);
    EXPECT_EQ(result.has_value(), at.missing.empty()) << at.name;
    if (!result) EXPECT_THAT(result.error().message, ::testing::HasSubstr(at.missing)) << at.name;
  }
  EXPECT_EQ(openness({.users = true}), "");
  EXPECT_NE(openness({.loopback = true}), "");
}

}  // namespace
}  // namespace millrace::app
