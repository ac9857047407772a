#include "api/mlflow/artifact_path.h"

#include <gtest/gtest.h>

namespace millrace::api::mlflow {
namespace {

TEST(ArtifactPath, IsDecodedAndTidied) {
  struct Case {
    std::string_view given, path;
  };
  constexpr Case kCases[] = {
      {"", ""},
      {"a", "a"},
      {"a/b.txt", "a/b.txt"},
      {"a//b/./c/", "a/b/c"},
      {".", ""},
      {"t%20%C3%A9.txt", "t \xC3\xA9.txt"},
      {"%2561", "a"},
      {"100%", "100%"},
      {"100%zz", "100%zz"},
      {"..a/b..", "..a/b.."},
      {".hidden", ".hidden"},
      {"a;b", "a;b"},
      {"a b+c", "a b+c"},
      {"c:x", "c:x"},
      {"file", "file"},
  };
  for (const auto& c : kCases) EXPECT_EQ(safe_path(c.given).value_or("refused"), c.path) << c.given;
}

TEST(ArtifactPath, ThatLeadsElsewhereIsRefused) {
  constexpr std::string_view kPaths[] = {
      "..",
      "../a",
      "a/../b",
      "a/..",
      "%2e%2e/a",
      "%252e%252e/a",
      "..%2fa",
      "..%252fa",
      "/a",
      "%2fa",
      "%252Fetc",
      "a\\b",
      "a%5cb",
      "..\\a",
      "C:/a",
      "c%3A/windows",
      "file:a",
      "file:///etc",
      "file%3a///etc",
      "a#b",
      "a%23b",
      "..;/a",
      "a/..;x=1/b",
      "a%00b",
      "a\nb",
      "a%0ab",
      "a\x7f",
      "a%C3",
      "%C0%AE%C0%AE",
      "%2525252525252525252525252e",
      "#/../../x",
  };
  for (const auto path : kPaths) {
    const auto safe = safe_path(path);
    ASSERT_FALSE(safe.has_value()) << path << " became " << *safe;
    EXPECT_EQ(safe.error().message, "Invalid path");
    EXPECT_EQ(safe.error().code, Code::kInvalidArgument);
  }
}

TEST(ArtifactPath, OfAFileNamesSomething) {
  for (const auto path : {"", ".", "./", "//"}) EXPECT_FALSE(safe_file_path(path).has_value()) << path;
  EXPECT_EQ(safe_file_path("./a").value_or(""), "a");
}

}  // namespace
}  // namespace millrace::api::mlflow
