#include "net/content.h"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

TEST(Range, IsReadAsHttpSays) {
  struct Case {
    std::string_view name, field;
    RangeKind kind;
    std::uint64_t offset = 0, length = 0;
  };
  constexpr Case kCases[] = {
      {"none", "", RangeKind::kWhole},
      {"from to", "bytes=2-4", RangeKind::kPart, 2, 3},
      {"to the end", "bytes=7-", RangeKind::kPart, 7, 3},
      {"past the end", "bytes=7-100", RangeKind::kPart, 7, 3},
      {"the last", "bytes=-4", RangeKind::kPart, 6, 4},
      {"more than all", "bytes=-40", RangeKind::kPart, 0, 10},
      {"case and spaces", "Bytes= 0-0", RangeKind::kPart, 0, 1},
      {"begins at the end", "bytes=10-", RangeKind::kUnsatisfiable},
      {"the last none", "bytes=-0", RangeKind::kUnsatisfiable},
      {"several", "bytes=0-1,3-4", RangeKind::kWhole},
      {"backwards", "bytes=4-2", RangeKind::kWhole},
      {"another unit", "rows=1-2", RangeKind::kWhole},
      {"no number", "bytes=a-b", RangeKind::kWhole},
      {"a bad end", "bytes=1-b", RangeKind::kWhole},
      {"too large a number", "bytes=99999999999999999999-", RangeKind::kWhole},
  };
  for (const auto& c : kCases) {
    const auto answer = parse_range(c.field, 10);
    EXPECT_EQ(answer.kind, c.kind) << c.name;
    EXPECT_EQ(answer.range.offset, c.offset) << c.name;
    EXPECT_EQ(answer.range.length, c.length) << c.name;
  }
}

TEST(Range, OfNothingIsNeverSatisfied) {
  EXPECT_EQ(parse_range("bytes=0-", 0).kind, RangeKind::kUnsatisfiable);
  EXPECT_EQ(parse_range("bytes=-1", 0).kind, RangeKind::kUnsatisfiable);
}

TEST(ETag, IsFoundInAList) {
  EXPECT_TRUE(names_etag("\"a\"", "\"a\""));
  EXPECT_TRUE(names_etag("\"b\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(names_etag("*", "\"a\""));
  EXPECT_FALSE(names_etag("\"b\"", "\"a\""));
  EXPECT_FALSE(names_etag("*", ""));
  EXPECT_FALSE(names_etag("", "\"a\""));
}

}  // namespace
}  // namespace millrace::net
