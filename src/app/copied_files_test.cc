#include "app/copied_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "base/hash.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class CopiedFilesTest : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) const {
    fs::create_directories((from() / path).parent_path());
    std::ofstream(from() / path) << text;
  }
  std::vector<std::string> copied() const {
    std::vector<std::string> lines;
    for (const BackupFile& file : files.files()) {
      const std::string text = MUST(read_file(to() / file.path));
      EXPECT_EQ(file.bytes, static_cast<std::int64_t>(text.size()));
      EXPECT_EQ(file.sha256, sha256(text));
      lines.push_back(file.path + "=" + text);
    }
    return lines;
  }
  fs::path from() const { return folder.path() / "from"; }
  fs::path to() const { return folder.path() / "to"; }

  TemporaryDirectory folder;
  CopiedFiles files{from(), to(), [](std::string_view path) { return path == "tmp" || path == "a/b/lock"; }};
};

TEST_F(CopiedFilesTest, WhatIsNewOrHasChangedIsCopiedAgain) {
  put("a/b/one", "1");
  put("a/b/lock", "x");
  put("tmp/scratch", "x");
  put("two", "2");
  MUST(files.copy_new());
  EXPECT_THAT(copied(), ElementsAre("a/b/one=1", "two=2"));
  put("two", "two");
  put("a/three", "3");
  fs::remove(from() / "a/b/one");
  MUST(files.copy_new());
  EXPECT_THAT(copied(), ElementsAre("a/b/one=1", "a/three=3", "two=two"));
}

TEST_F(CopiedFilesTest, ModesNamesAndHolesAreKept) {
  put("program", "#!/bin/sh");
  fs::permissions(from() / "program", fs::perms::owner_all);
  fs::create_hard_link(from() / "program", from() / "second name");
  fs::create_symlink("/etc/passwd", from() / "link");
  put("sparse", std::string(5'000'000, '\0') + "end");
  MUST(files.copy_new());
  EXPECT_EQ(files.files().size(), 3U);
  EXPECT_EQ(fs::status(to() / "program").permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::hard_link_count(to() / "program"), 2U);
  EXPECT_EQ(MUST(sha256_file(to() / "sparse")), MUST(sha256_file(from() / "sparse")));
}

}  // namespace
}  // namespace millrace::app
