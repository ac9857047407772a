#include "db/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <thread>

#include "base/files.h"

namespace millrace::db {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Colour { kRed, kBlue };
std::string_view to_text(Colour colour) { return colour == Colour::kRed ? "red" : "blue"; }
bool from_text(std::string_view text, Colour& colour) {
  colour = text == "red" ? Colour::kRed : Colour::kBlue;
  return text == "red" || text == "blue";
}

struct Thing {
  std::int64_t id = 0;
  std::string name;
  double weight = 0;
  bool heavy = false;
  Timestamp made;
  std::optional<std::string> note;
  Colour colour = Colour::kRed;
};
BOOST_DESCRIBE_STRUCT(Thing, (), (id, name, weight, heavy, made, note, colour))

constexpr std::string_view kInsert = "insert into things values (?, ?, ?, ?, ?, ?, ?)";

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = MUST(Database::open(home.path() / "millrace.db"));
    MUST(
        database->execute("create table things (id integer primary key, name text unique, weight real, heavy integer, "
                          "made integer, note text, colour text) strict"));
  }
  std::int64_t count() { return MUST(database->query<std::int64_t>("select count(*) from things")).front(); }

  TemporaryDirectory home;
  std::unique_ptr<Database> database;
};

TEST_F(DatabaseTest, RowsComeBackAsTheyWereBound) {
  MUST(database->execute(kInsert, 7, "mill", 0.1, true, Timestamp{-5}, std::nullopt, Colour::kBlue));
  MUST(database->execute(kInsert, 8, std::string("a\0b", 3), 1, false, Timestamp{}, std::optional<std::string>(""),
                         Colour::kRed));
  const auto things = MUST(database->query<Thing>("select * from things order by id"));
  ASSERT_EQ(things.size(), 2U);
  EXPECT_EQ(things[0].name, "mill");
  EXPECT_EQ(things[0].weight, 0.1);
  EXPECT_TRUE(things[0].heavy);
  EXPECT_EQ(things[0].made.us, -5);
  EXPECT_EQ(things[0].note, std::nullopt);
  EXPECT_EQ(things[0].colour, Colour::kBlue);
  EXPECT_EQ(things[1].name.size(), 3U);
  EXPECT_EQ(things[1].note, "");
}

TEST_F(DatabaseTest, FaultsOfAStatementAreNamed) {
  EXPECT_EQ(database->query<Thing>("select 1").error().message, "1 columns for 7 members (in: select 1)");
  EXPECT_EQ(database->query<std::int64_t>("select null").error().message, "column 0 is null (in: select null)");
  EXPECT_EQ(database->query<Colour>("select 'green'").error().code, Code::kDataLoss);
  EXPECT_EQ(database->query<int>("select ?").error().message, "0 values for 1 parameters (in: select ?)");
  EXPECT_THAT(database->query<int>("selec 1").error().message, HasSubstr("syntax error"));
  EXPECT_EQ(database->query<int>("").error().code, Code::kInternal);
}

TEST_F(DatabaseTest, BrokenRulesHaveTheirCodes) {
  MUST(database->execute("insert into things (id, name) values (1, 'a')"));
  EXPECT_EQ(database->execute("insert into things (id, name) values (2, 'a')").error().code, Code::kAlreadyExists);
  EXPECT_EQ(database->execute("insert into things (id, name) values (1, 'b')").error().code, Code::kAlreadyExists);
  MUST(database->execute("create table parts (thing integer references things) strict"));
  EXPECT_EQ(database->execute("insert into parts values (9)").error().code, Code::kFailedPrecondition);
}

TEST_F(DatabaseTest, ATransactionIsSeenAfterItsCommitOnly) {
  Transaction tx = MUST(database->begin());
  EXPECT_EQ(MUST(tx.execute("insert into things (name) values ('a'), ('b')")), 2);
  EXPECT_EQ(MUST(tx.query<std::int64_t>("select count(*) from things")).front(), 2);
  EXPECT_EQ(count(), 0);
  MUST(tx.commit());
  EXPECT_EQ(count(), 2);
}

TEST_F(DatabaseTest, AnInsertAnswersItsNumber) {
  Transaction tx = MUST(database->begin());
  constexpr std::string_view insert = "insert into things (name) values (?) returning id";
  EXPECT_EQ(MUST(tx.insert(insert, "a")), 1);
  EXPECT_EQ(MUST(tx.insert(insert, "b")), 2);
  EXPECT_EQ(tx.insert("insert into things (name) values ('a') on conflict do nothing returning id").error().code,
            Code::kInternal);
}

TEST_F(DatabaseTest, AfterAFailedStatementATransactionCanOnlyBeRolledBack) {
  MUST(database->execute("insert into things (name) values ('a')"));
  {
    Transaction tx = MUST(database->begin());
    MUST(tx.execute("insert into things (name) values ('b')"));
    EXPECT_EQ(tx.execute("insert into things (name) values ('a')").error().code, Code::kAlreadyExists);
    EXPECT_EQ(tx.execute("insert into things (name) values ('c')").error().code, Code::kAborted);
    EXPECT_EQ(tx.commit().error().code, Code::kAborted);
  }
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, APartThatFailsIsUndoneByItself) {
  MUST(database->execute("insert into things (name) values ('a')"));
  Transaction tx = MUST(database->begin());
  const auto add = [&](std::string_view name) {
    return tx.nested([&](Transaction& part) -> Result<void> {
      TRY(part.execute("insert into things (weight) values (1)"));
      TRY(part.execute("insert into things (name) values (?)", name));
      return {};
    });
  };
  MUST(add("b"));
  EXPECT_EQ(add("a").error().code, Code::kAlreadyExists);
  MUST(add("c"));
  const auto careless = [&](Transaction& part) -> Result<void> {
    EXPECT_FALSE(part.execute("insert into things (name) values ('a')"));
    return {};
  };
  EXPECT_EQ(tx.nested(careless).error().code, Code::kAborted);
  MUST(tx.commit());
  EXPECT_EQ(count(), 5);
}

TEST_F(DatabaseTest, ATransactionThatIsLeftRollsBack) {
  {
    Transaction tx = MUST(database->begin());
    MUST(tx.execute("insert into things (name) values ('a')"));
  }
  EXPECT_EQ(count(), 0);
  MUST(database->execute("insert into things (name) values ('a')"));
}

TEST_F(DatabaseTest, ASecondTransactionOfAThreadIsRefusedNotWaitedFor) {
  const Transaction tx = MUST(database->begin());
  EXPECT_EQ(database->begin().error().code, Code::kInternal);
  EXPECT_EQ(database->execute("delete from things").error().code, Code::kInternal);
}

TEST_F(DatabaseTest, HooksRunWhenTheWriterIsFreeAgain) {
  std::vector<std::string> calls;
  {
    Transaction tx = MUST(database->begin(Durability::kRelaxed));
    MUST(tx.execute("insert into things (name) values ('a')"));
    tx.after_rollback([&] { calls.emplace_back("rollback"); });
    tx.after_commit([&] {
      EXPECT_EQ(count(), 1);
      MUST(database->execute("delete from things"));
      calls.emplace_back("commit");
    });
    MUST(tx.commit());
  }
  {
    Transaction tx = MUST(database->begin());
    tx.after_commit([&] { calls.emplace_back("commit"); });
    tx.after_rollback([&] { calls.emplace_back("rollback"); });
  }
  EXPECT_THAT(calls, ElementsAre("commit", "rollback"));
}

TEST_F(DatabaseTest, AFullDiskIsOneSentenceAndNothingIsHalfWritten) {
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
  EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, ADamagedFileIsOneSentence) {
  const std::filesystem::path path = home.path() / "other.db";
  std::ofstream(path) << std::string(5000, '#');
  const Error error = Database::open(path).error();
  EXPECT_EQ(error.code, Code::kDataLoss);
  EXPECT_EQ(error.message, path.string() + " is damaged (file is not a database); restore it from a backup");
}

TEST_F(DatabaseTest, AFileThatCannotBeOpenedIsNamed) {
  const Error error = Database::open(home.path() / "no" / "millrace.db").error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("no/millrace.db: unable to open database file"));
}

TEST_F(DatabaseTest, ThreadsReadAndWriteTogether) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) MUST(database->execute("insert into things (weight) values (1.5)"));
    });
    threads.emplace_back([&] {
      std::int64_t before = 0;
      for (int i = 0; i < 100; ++i) {
        const std::int64_t now = count();
        EXPECT_GE(now, before);
        before = now;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count(), 200);
}

TEST_F(DatabaseTest, WhatIsCommittedIsThereInTheNextProcess) {
  MUST(database->execute("insert into things (name) values ('a')"));
  database.reset();
  database = MUST(Database::open(home.path() / "millrace.db"));
  EXPECT_EQ(count(), 1);
}

}  // namespace
}  // namespace millrace::db
