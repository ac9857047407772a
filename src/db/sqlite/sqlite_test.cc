#include "db/sqlite/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "db/database.h"

namespace millrace::db {
namespace {

using ::testing::HasSubstr;

TEST(Sqlite, AFullDiskIsOneSentenceAndNothingIsHalfWritten) {
  const TemporaryDirectory home;
  const auto database = MUST(Database::open("sqlite:" + (home.path() / "millrace.db").string()));
  MUST(database->execute("create table things (name text) strict"));
  Transaction tx = MUST(database->begin());
  MUST(tx.script("pragma max_page_count = 8"));
  Result<std::int64_t> status = 0;
  for (int i = 0; i < 1000 && status; ++i) {
    status = tx.execute("insert into things (name) values (?)", std::string(1000, 'x') + std::to_string(i));
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kResourceExhausted);
  EXPECT_THAT(status.error().message, HasSubstr("no space left on device while writing"));
  EXPECT_EQ(tx.commit().error().code, Code::kAborted);
  EXPECT_EQ(MUST(database->query<int>("select count(*) from things")).front(), 0);
}

TEST(Sqlite, ADamagedFileIsOneSentence) {
  const TemporaryDirectory home;
  const std::filesystem::path path = home.path() / "other.db";
  std::ofstream(path) << std::string(5000, '#');
  const Error error = Database::open(path).error();
  EXPECT_EQ(error.code, Code::kDataLoss);
  EXPECT_EQ(error.message, path.string() + " is damaged (file is not a database); restore it from a backup");
}

TEST(Sqlite, AFileThatCannotBeOpenedIsNamed) {
  const TemporaryDirectory home;
  const Error error = Database::open(home.path() / "no" / "millrace.db").error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("no/millrace.db: unable to open database file"));
}

}  // namespace
}  // namespace millrace::db
