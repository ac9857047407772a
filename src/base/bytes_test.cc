#include "base/bytes.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Bytes, AreRead) {
  const std::pair<std::string_view, std::int64_t> cases[] = {
      {"0", 0},
      {"4096", 4096},
      {"1KiB", 1024},
      {"512MiB", 512 << 20},
      {"1 GiB", 1 << 30},
      {"1.5GB", 1500000000},
      {"2TiB", std::int64_t{2} << 40},
      {"3 kB", 3000},
  };
  for (const auto& [text, bytes] : cases) EXPECT_EQ(MUST(parse_bytes(text)), bytes) << text;
}

TEST(Bytes, OfOtherTextsAreErrors) {
  for (const auto* text : {"", "GiB", "1Gib", "-1GiB", "1 GiB ", "inf", "nan", "1e30GiB", "1,5GiB"}) {
    EXPECT_EQ(parse_bytes(text).error().message, fmt::format("\"{}\" is no size; write it like 512MiB or 1GiB", text));
  }
}

TEST(Bytes, AreWritten) {
  const std::pair<std::int64_t, std::string_view> cases[] = {
      {0, "0 bytes"}, {1000, "1000 bytes"}, {1024, "1 KiB"}, {1536, "1.5 KiB"}, {std::int64_t{3} << 30, "3 GiB"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(format_bytes(bytes), text);
}

}  // namespace
}  // namespace millrace
