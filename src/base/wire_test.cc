#include "base/wire.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::string_literals;

TEST(WireTest, ReadsWhatWasAppended) {
  std::string message;
  append_wire_number(message, 1, 300);
  append_wire(message, 2000, "text");
  append_wire_number(message, 3, ~std::uint64_t{0});
  WireReader in(message);
  ASSERT_TRUE(MUST(in.next()));
  EXPECT_EQ(in.field(), 1U);
  EXPECT_EQ(MUST(in.number()), 300U);
  EXPECT_EQ(in.whole(), "\x08\xac\x02");
  ASSERT_TRUE(MUST(in.next()));
  EXPECT_EQ(in.field(), 2000U);
  EXPECT_FALSE(in.is_number());
  EXPECT_EQ(MUST(in.bytes()), "text");
  ASSERT_TRUE(MUST(in.next()));
  EXPECT_EQ(MUST(in.number()), ~std::uint64_t{0});
  EXPECT_FALSE(MUST(in.next()));
}

TEST(WireTest, FixedNumbersAreLittleEndian) {
  const std::string message = "\x0d\x01\x02\x00\x00"s;
  WireReader in(message);
  ASSERT_TRUE(MUST(in.next()));
  EXPECT_EQ(MUST(in.number()), 0x201U);
  EXPECT_FALSE(in.bytes());
}

TEST(WireTest, WhatIsCutShortOrNoFieldIsAnError) {
  for (const std::string& bytes : {"\x08"s, "\x08\x80"s, "\x12\x05"s + "ab", "\x0d\x01"s, "\x0b"s, "\x00"s,
                                   "\x08"s + std::string(10, '\xff'), std::string(11, '\xff')}) {
    WireReader in(bytes);
    EXPECT_FALSE(in.next()) << bytes.size();
  }
}

TEST(WireTest, VarintsAreTakenOneByOne) {
  std::string_view packed = "\x01\xac\x02";
  EXPECT_EQ(MUST(take_varint(packed)), 1U);
  EXPECT_EQ(MUST(take_varint(packed)), 300U);
  EXPECT_TRUE(packed.empty());
}

}  // namespace
}  // namespace millrace
