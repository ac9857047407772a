#include "db/migrations.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "db/testing.h"

namespace millrace::db {
namespace {

constexpr Migration kFirst[] = {{1, "create table mills (name text); insert into mills values ('old')"}};
constexpr Migration kBoth[] = {kFirst[0], {2, "alter table mills add column wheels integer default 2"}};
constexpr Migration kBroken[] = {kFirst[0], {2, "create table shafts (name text); create nonsense"}};

class MigrationsTest : public ::testing::Test {
 protected:
  void SetUp() override { database = open_for_test(home.path()); }

  TemporaryDirectory home;
  std::unique_ptr<Database> database;
};

TEST_F(MigrationsTest, GoForwardFromAnOldFileAndKeepItsRows) {
  MUST(migrate(*database, "mills", kFirst));
  MUST(migrate(*database, "mills", kBoth));
  MUST(migrate(*database, "mills", kBoth));
  EXPECT_EQ(MUST(database->query<int>("select wheels from mills where name = 'old'")), std::vector{2});
}

TEST_F(MigrationsTest, RefuseANewerFile) {
  MUST(migrate(*database, "mills", kBoth));
  const Error error = migrate(*database, "mills", kFirst).error();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_EQ(error.message,
            "this home folder was written by a newer millrace (tables of mills: version 2, this program knows 1); "
            "upgrade millrace or choose another folder with --home");
}

TEST_F(MigrationsTest, ABrokenOneLeavesTheFileAsItWas) {
  MUST(migrate(*database, "mills", kFirst));
  EXPECT_FALSE(migrate(*database, "mills", kBroken));
  EXPECT_FALSE(database->query<int>("select count(*) from shafts"));
  MUST(migrate(*database, "mills", kBoth));
}

TEST_F(MigrationsTest, ModulesCountForThemselves) {
  MUST(migrate(*database, "mills", kBoth));
  constexpr Migration other[] = {{1, "create table races (name text)"}};
  MUST(migrate(*database, "races", other));
}

}  // namespace
}  // namespace millrace::db
