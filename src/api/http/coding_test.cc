#include "api/http/coding.h"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::api {
namespace {

TEST(Coding, TheClientChooses) {
  struct Case {
    std::string_view field;
    std::optional<Packing> packing;
  };
  const Case cases[] = {{"", std::nullopt},
                        {"gzip", Packing::kGzip},
                        {"deflate", Packing::kDeflate},
                        {"deflate, gzip;q=0.5", Packing::kGzip},
                        {"gzip;q=0, deflate", Packing::kDeflate},
                        {"GZIP ; q=1.0", Packing::kGzip},
                        {"br, zstd, identity", std::nullopt},
                        {",,;,", std::nullopt}};
  for (const auto& [field, packing] : cases) EXPECT_EQ(accepted_packing(field), packing) << field;
}

std::expected<std::string_view, BodyFault> read(std::string_view coding, std::string_view body, std::string& room) {
  const std::vector<net::Field> headers{{"Content-Encoding", coding}};
  return unpacked_body({.body = body, .headers = headers}, std::size_t{64} << 20, room);
}

TEST(Coding, BodiesAreUnpacked) {
  std::string room;
  EXPECT_EQ(read("gzip", pack("text", Packing::kGzip), room), "text");
  EXPECT_EQ(read("Deflate", pack("text", Packing::kDeflate), room), "text");
  EXPECT_EQ(read("identity", "text", room), "text");
  EXPECT_EQ(read("", "text", room), "text");
}

TEST(Coding, BombsOtherCodingsAndDamageAreRefused) {
  std::string room;
  const auto bomb = pack(std::string(std::size_t{40} << 20, '\0'), Packing::kGzip);
  EXPECT_EQ(read("gzip", bomb, room).error().status, 413);
  EXPECT_EQ(read("br", "text", room).error().status, 415);
  EXPECT_EQ(read("gzip, gzip", "text", room).error().status, 415);
  EXPECT_EQ(read("gzip", "text", room).error().status, 400);
}

TEST(Coding, OnlyWhatPaysIsPacked) {
  const std::vector<net::Field> headers{{"Accept-Encoding", "gzip, deflate"}};
  const net::Request request{.headers = headers};
  net::Response small{.body = std::string(100, 'x')}, large{.body = std::string(100'000, 'x')};
  std::string noise(100'000, '\0');
  std::uint32_t state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  net::Response random{.body = noise};
  for (auto* response : {&small, &large, &random}) pack_answer(packing_of(request), *response);
  EXPECT_TRUE(small.headers.empty());
  EXPECT_TRUE(random.headers.empty());
  EXPECT_EQ(random.body, noise);
  ASSERT_EQ(large.headers.size(), 2);
  EXPECT_EQ(large.headers[0].second, "gzip");
  EXPECT_EQ(unpack(large.body, Packing::kGzip, 100'000), std::string(100'000, 'x'));
}

}  // namespace
}  // namespace millrace::api
