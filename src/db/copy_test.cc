#include "db/copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"

namespace millrace::db {
namespace {

using ::testing::HasSubstr;

constexpr Migration kMills[] = {{1, R"sql(
create table mills (id integer primary key autoincrement, name text not null unique, height real) strict;
create table clock (id integer primary key check (id = 1), now integer not null) strict;
insert into clock (id, now) values (1, 0);
create table a_wheels (mill integer not null references mills (id), "order" integer not null, note text,
                       primary key (mill, "order")) strict, without rowid;
)sql"},
                                {2, "alter table mills add column open integer not null default 1"}};

// From a SQLite file to the tests' database and back.
class CopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto database = MUST(Database::open(file("first")));
    MUST(migrate(*database, "mills", kMills));
    using namespace std::string_literals;
    for (int i = 0; i < 500; ++i) {
      MUST(database->execute("insert into mills (name, height) values (?, ?)", fmt::format("mill {}", i), i / 7.0));
    }
    MUST(database->execute("insert into mills (name, height) values (?, ?)", "a\0\1\xff"s,
                           -std::numeric_limits<double>::infinity()));
    MUST(database->execute("insert into mills (name) values ('')"));
    MUST(database->execute("delete from mills where id = 502 or id = 7"));
    MUST(database->execute(
        "insert into a_wheels (mill, \"order\", note) values (1, 1, null), (1, 2, 'x'), (501, -1, '')"));
    MUST(database->execute("update clock set now = 77"));
  }
  std::string file(const std::string& name) const { return (home.path() / (name + ".db")).string(); }

  TemporaryDirectory home;
};

TEST_F(CopyTest, ThereAndBackNothingHasChanged) {
  const std::string other = uri_for_test(home.path());
  const auto sums = MUST(copy(file("first"), other, Source::kHeld));
  EXPECT_EQ(MUST(sum_database(other)), sums);
  EXPECT_EQ(MUST(copy(other, file("back"), Source::kHeld)), sums);
  EXPECT_EQ(MUST(sum_database(file("first"))), sums);
  ASSERT_EQ(sums.size(), 5U);
  EXPECT_EQ(sums[0].name, "a_wheels");
  EXPECT_EQ(sums[2].rows, 2);  // migration_texts
  EXPECT_EQ(sums[3].rows, 500);
}

TEST_F(CopyTest, NumbersGoOnAndMigrationsAreKnown) {
  const std::string other = uri_for_test(home.path());
  MUST(copy(file("first"), other, Source::kHeld));
  MUST(copy(other, file("back"), Source::kHeld));
  for (const std::string& uri : {other, file("back")}) {
    const auto database = MUST(Database::open(uri));
    MUST(migrate(*database, "mills", kMills));
    Transaction tx = MUST(database->begin());
    EXPECT_EQ(MUST(tx.insert("insert into mills (name) values ('new') returning id")), 503) << uri;
    EXPECT_EQ(MUST(tx.query<int>("select now from clock")).front(), 77);
  }
}

TEST_F(CopyTest, ModulesMayReferToEachOther) {
  {
    const auto database = MUST(Database::open(file("first")));
    constexpr Migration first[] = {{1, "create table a_sacks (mill integer references mills (id)) strict"},
                                   {2, "alter table a_sacks add column grain text"}};
    MUST(migrate(*database, "a_module_before_mills", first));
    MUST(database->execute("insert into a_sacks (mill, grain) values (1, 'rye')"));
  }
  const std::string other = uri_for_test(home.path());
  EXPECT_EQ(MUST(copy(file("first"), other, Source::kHeld)).size(), 6U);
}

TEST_F(CopyTest, ATargetThatHoldsAnythingIsRefused) {
  const std::string other = uri_for_test(home.path());
  MUST(copy(file("first"), other, Source::kHeld));
  const Error error = copy(file("first"), other, Source::kHeld).error();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("is not empty; copy into a new database"));
}

TEST_F(CopyTest, ASourceThatAServerHoldsIsRefusedUnlessItIsShared) {
  const HomeLock lock = MUST(HomeLock::acquire(home.path()));
  EXPECT_THAT(copy(file("first"), file("second"), Source::kHeld).error().message, HasSubstr("uses the home folder"));
  EXPECT_TRUE(copy(file("first"), file("second"), Source::kShared));
}

TEST_F(CopyTest, ASharedSourceIsReadAtOneMoment) {
  const auto database = MUST(Database::open(file("first")));
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      Transaction tx = MUST(database->begin());
      const std::int64_t id =
          MUST(tx.insert("insert into mills (name) values (?) returning id", fmt::format("new {}", i)));
      MUST(tx.execute("insert into a_wheels (mill, \"order\") values (?, 1)", id));
      MUST(tx.commit());
    }
  });
  for (int i = 0; i < 3; ++i) {
    const TemporaryDirectory target;
    const std::string uri = uri_for_test(target.path());
    const auto sums = MUST(copy(file("first"), uri, Source::kShared));
    EXPECT_EQ(sums[0].rows - 3, sums[3].rows - 500) << "as many wheels as mills are new";
  }
}

TEST_F(CopyTest, AnOldDatabaseIsRefusedWithWhatToDo) {
  MUST(MUST(Database::open(file("first")))->execute("drop table migration_texts"));
  EXPECT_THAT(copy(file("first"), file("second"), Source::kHeld).error().message,
              HasSubstr("start this millrace on it once, then copy it"));
}

TEST_F(CopyTest, NumbersGivenByHandAreNotDrawnAgain) {
  const auto database = open_for_test(home.path());
  MUST(migrate(*database, "mills", kMills));
  constexpr Migration more[] = {kMills[0], kMills[1], {3, R"sql(
create table new_mills (id integer primary key autoincrement, name text not null unique) strict;
insert into new_mills (id, name) select 9, 'old';
)sql"}};
  MUST(migrate(*database, "mills", more));
  Transaction tx = MUST(database->begin());
  EXPECT_EQ(MUST(tx.insert("insert into new_mills (name) values ('new') returning id")), 10);
  EXPECT_EQ(MUST(tx.insert("insert into mills (name) values ('new') returning id")), 1);
}

}  // namespace
}  // namespace millrace::db
