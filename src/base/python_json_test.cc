#include "base/python_json.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace {
namespace {

TEST(PythonJson, NumbersThatJsonHasNotBecomeNullAndTexts) {
  EXPECT_EQ(without_bare_numbers(R"({"a": [NaN, -Infinity, Infinity, -1]})"),
            R"({"a": [null, "-Infinity", "Infinity", -1]})");
  EXPECT_EQ(without_bare_numbers("NaN"), "null");
}

TEST(PythonJson, StringsAreLeftAlone) {
  EXPECT_EQ(without_bare_numbers(R"({"NaN": "Infinity \" NaN"})"), std::nullopt);
  EXPECT_EQ(without_bare_numbers(R"(["\\", NaN])"), R"(["\\", null])");
  EXPECT_EQ(without_bare_numbers(R"("never ends NaN)"), std::nullopt);
  EXPECT_EQ(without_bare_numbers(R"("ends in a backslash\)"), std::nullopt);
}

TEST(PythonJson, NumbersAreWrittenAsReprDoes) {
  struct Case {
    double value;
    std::string_view text;
  };
  const Case cases[] = {{1, "1.0"},
                        {-0.0, "-0.0"},
                        {0.1, "0.1"},
                        {0.10000000149011612, "0.10000000149011612"},
                        {1e-4, "0.0001"},
                        {1e-5, "1e-05"},
                        {1.5e-7, "1.5e-07"},
                        {123456789012345678.0, "1.2345678901234568e+17"},
                        {1e15, "1000000000000000.0"},
                        {1e16, "1e+16"},
                        {1e300, "1e+300"},
                        {std::numeric_limits<double>::infinity(), "Infinity"},
                        {-std::numeric_limits<double>::infinity(), "-Infinity"},
                        {std::numeric_limits<double>::quiet_NaN(), "NaN"}};
  for (const auto& [value, text] : cases) {
    std::string out;
    append_python_number(out, value);
    EXPECT_EQ(out, text);
  }
}

TEST(PythonJson, StringsAreAscii) {
  std::string out;
  append_python_string(out, "caf\xc3\xa9 \"x\"\n");
  EXPECT_EQ(out, R"("caf\u00e9 \"x\"\n")");
}

}  // namespace
}  // namespace millrace
