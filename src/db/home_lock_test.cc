#include "db/home_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

#include "base/files.h"

namespace millrace::db {
namespace {

TEST(HomeLock, KeepsASecondServerOutAndNamesTheFirst) {
  const TemporaryDirectory folder;
  const std::filesystem::path home = folder.path() / "home";
  std::optional<HomeLock> lock = MUST(HomeLock::acquire(home));
  const Error error = HomeLock::acquire(home).error();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_EQ(error.message, fmt::format("another millrace server (pid {}) uses the home folder {}; stop it or choose "
                                       "another folder with --home",
                                       ::getpid(), home.string()));
  lock.reset();
  EXPECT_TRUE(HomeLock::acquire(home));
}

TEST(HomeLock, AFolderThatCannotBeMadeIsNamed) {
  const Error error = HomeLock::acquire("/proc/millrace").error();
  EXPECT_NE(error.message.find("/proc/millrace"), std::string::npos);
}

}  // namespace
}  // namespace millrace::db
