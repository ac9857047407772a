#include "proc/build_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/hash.h"

namespace millrace::proc {
namespace {

TEST(BuildIdTest, IsWhatTheLinkerMadeOfTheProgram) {
  const std::string own = MUST(build_id("/proc/self/exe"));
  EXPECT_THAT(own, ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_LT(own.size(), 64U);
  EXPECT_EQ(MUST(build_id("/proc/self/exe")), own);
}

TEST(BuildIdTest, AFileWithoutOneIsHashed) {
  const TemporaryDirectory folder;
  const auto script = folder.path() / "script";
  for (const std::string& text : {std::string("#!/bin/sh\n"),
                                  std::string("\x7f"
                                              "ELF"),
                                  std::string()}) {
    MUST(write_file(script, text));
    EXPECT_EQ(MUST(build_id(script)), sha256(text));
  }
  EXPECT_FALSE(build_id(folder.path() / "missing"));
}

TEST(BuildIdTest, ADamagedHeaderIsNoHarm) {
  const TemporaryDirectory folder;
  std::string program = MUST(read_file("/proc/self/exe")).substr(0, 4096);
  for (std::size_t i = 16; i < 512; i += 9) {
    std::string damaged = program;
    damaged[i] = static_cast<char>(0xff);
    MUST(write_file(folder.path() / "program", damaged));
    EXPECT_TRUE(build_id(folder.path() / "program")) << i;
  }
}

}  // namespace
}  // namespace millrace::proc
