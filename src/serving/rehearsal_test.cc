#include "serving/rehearsal.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace millrace::serving {
namespace {

class RehearsalTest : public ::testing::Test {
 protected:
  // What a rehearsal says of a program that does this.
  std::string said(const std::string& script, Duration limit = std::chrono::minutes(1)) {
    const auto program = home_.path() / "program";
    MUST(write_file(program, "#!/bin/sh\n" + script));
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    const auto rehearsed = Rehearsal(program, limit).run(home_.path() / "model");
    return rehearsed ? "" : fmt::format("{} {}", code_name(rehearsed.error().code), rehearsed.error().message);
  }

  TemporaryDirectory home_;
};

TEST_F(RehearsalTest, WhoeverSurvivesMayBeLoaded) {
  EXPECT_EQ(said("exit 0"), "");
  EXPECT_EQ(said("echo not a model; exit 1"), "");
}

TEST_F(RehearsalTest, TheProgramIsToldTheFolder) {
  EXPECT_EQ(said("test \"$*\" = \"rehearse " + (home_.path() / "model").string() + "\" || kill -KILL $$"), "");
}

TEST_F(RehearsalTest, WhatKillsAProcessIsNotLoaded) {
  EXPECT_EQ(said("kill -SEGV $$"),
            "INVALID_ARGUMENT a process that loaded it to try it was killed by signal 11 (Segmentation fault)");
}

TEST_F(RehearsalTest, WhatDoesNotEndIsEnded) {
  EXPECT_EQ(said("sleep 600", std::chrono::milliseconds(20)),
            "DEADLINE_EXCEEDED loading it takes longer than 0 seconds");
}

}  // namespace
}  // namespace millrace::serving
