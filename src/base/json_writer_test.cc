#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace millrace {
namespace {

template <typename T>
std::string written(const T& value) {
  JsonWriter out;
  out.value(value);
  return std::move(out).text();
}

TEST(JsonWriter, WritesNestedObjectsAndLists) {
  JsonWriter out;
  out.object([&] {
    out.field("a", 1);
    out.object("b", [&] {
      out.field("c", "x");
      out.field("d", true);
    });
    out.list("e", std::vector<int>{1, 2}, [&](int i) { out.value(i); });
    out.list("left out", std::vector<int>{}, [&](int i) { out.value(i); });
    out.key("f");
    out.array([&] {
      out.object([] {});
      out.null();
    });
  });
  EXPECT_EQ(std::move(out).text(), R"({"a":1,"b":{"c":"x","d":true},"e":[1,2],"f":[{},null]})");
}

TEST(JsonWriter, WritesNumbersThatReadBackTheSame) {
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(2.0), "2.0");
  EXPECT_EQ(written(1e300), "1e+300");
  EXPECT_EQ(written(-0.0), "-0.0");
  EXPECT_EQ(written(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(written(std::numeric_limits<double>::quiet_NaN()), "\"NaN\"");
  EXPECT_EQ(written(-std::numeric_limits<double>::infinity()), "\"-Infinity\"");
  EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(JsonWriter, EscapesAndReplaces) {
  EXPECT_EQ(written("a\"b\\c\nd\x01"), R"("a\"b\\c\nd\u0001")");
  EXPECT_EQ(written("grün"), "\"grün\"");
  EXPECT_EQ(written("\xff"), "\"\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace millrace
