#include "net/rpc_text.h"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

TEST(RpcTextTest, TimeoutsAreDigitsAndAUnit) {
  struct Case {
    std::string_view text;
    std::optional<std::int64_t> micros;
  };
  const Case cases[] = {
      {"1500n", 1},
      {"250u", 250},
      {"100m", 100'000},
      {"2S", 2'000'000},
      {"3M", 180'000'000},
      {"1H", 3'600'000'000},
      {"0m", 0},
      {"99999999H", std::chrono::microseconds(std::chrono::hours(24 * 365)).count()},
      {"", std::nullopt},
      {"m", std::nullopt},
      {"5", std::nullopt},
      {"5s", std::nullopt},
      {"-5m", std::nullopt},
      {"5 m", std::nullopt},
      {"123456789m", std::nullopt},
  };
  for (const auto& at : cases) {
    const auto parsed = parse_grpc_timeout(at.text);
    EXPECT_EQ(parsed.has_value(), at.micros.has_value()) << at.text;
    if (parsed && at.micros) EXPECT_EQ(parsed->count(), *at.micros) << at.text;
  }
}

TEST(RpcTextTest, ContentTypesOfGrpc) {
  EXPECT_TRUE(is_grpc_content("application/grpc"));
  EXPECT_TRUE(is_grpc_content("application/grpc+proto"));
  EXPECT_TRUE(is_grpc_content("application/grpc;charset=utf-8"));
  EXPECT_FALSE(is_grpc_content("application/grpc-web"));
  EXPECT_FALSE(is_grpc_content("application/json"));
  EXPECT_FALSE(is_grpc_content(""));
}

TEST(RpcTextTest, MessagesArePercentEncoded) {
  EXPECT_EQ(encode_grpc_message("plain \"text\""), "plain \"text\"");
  EXPECT_EQ(encode_grpc_message("100 %\n\xc3\xa4"), "100 %25%0A%C3%A4");
}

}  // namespace
}  // namespace millrace::net
