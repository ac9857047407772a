#include "db/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <thread>

#include "base/files.h"
#include "db/testing.h"

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

// What every backend does alike.
class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = open_for_test(home.path());
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

TEST_F(DatabaseTest, AnyTextComesBack) {
  using namespace std::string_literals;
  for (const std::string& text : {"\0"s, "\1"s, "\1\1\2\3"s, "a\xff"s, "\xed\xa0\x80"s, "gr\xc3\xbc\xc3\x9f"s}) {
    EXPECT_EQ(MUST(database->query<std::string>("select ?", text)).front(), text);
    MUST(database->execute("insert into things (name) values (?)", text));
    EXPECT_EQ(MUST(database->query<std::string>("select name from things where name = ?", text)).size(), 1U);
  }
}

TEST_F(DatabaseTest, ManyRowsAreInsertedAtOnce) {
  using namespace std::string_literals;
  Transaction tx = MUST(database->begin());
  const std::string odd = "a\0\xff"s;
  const Value rows[] = {std::int64_t{1}, "one",      0.5, Null{Type::kText},
                        std::int64_t{2}, Value(odd), 2.0, "note",
                        std::int64_t{3}, Null{},     1.0, ""};
  const char* sql = "insert into things (id, name, weight, note) values (?, ?, ?, ?)";
  MUST(tx.execute_rows(sql, rows, 4));
  MUST(tx.execute_rows(sql, {}, 4));
  const Value changed[] = {std::int64_t{2}, 7.0, std::int64_t{4}, 8.0};
  MUST(
      tx.execute_rows("insert into things (id, weight) values (?, ?) on conflict (id) do update set weight = "
                      "excluded.weight",
                      changed, 2));
  MUST(tx.commit());
  EXPECT_THAT(MUST(database->query<double>("select weight from things order by id")), ElementsAre(0.5, 7, 1, 8));
  EXPECT_EQ(MUST(database->query<std::string>("select name from things where id = 2")).front(), odd);
  EXPECT_THAT(MUST(database->query<int>("select id from things where note is null order by id")), ElementsAre(1, 4));
  EXPECT_EQ(MUST(database->query<int>("select count(*) from things where note = ''")).front(), 1);
}

TEST_F(DatabaseTest, RowsThatBreakARuleAreRefusedWhole) {
  Transaction tx = MUST(database->begin());
  const Value rows[] = {std::int64_t{1}, std::int64_t{2}, std::int64_t{1}};
  EXPECT_EQ(tx.execute_rows("insert into things (id) values (?)", rows, 1).error().code, Code::kAlreadyExists);
  EXPECT_EQ(tx.commit().error().code, Code::kAborted);
  EXPECT_EQ(database->begin()->execute_rows("insert into things (id, name) values (?, ?)", rows, 2).error().code,
            Code::kInternal);
}

TEST_F(DatabaseTest, AListInOneParameterIsSearchedFor) {
  MUST(database->execute("insert into things (id, name) values (1, 'a'), (2, 'b'), (3, '\"c')"));
  EXPECT_THAT(MUST(database->query<int>(
                  "select id from things where id in (select cast(value as bigint) from json_each(?)) order by id",
                  "[3,1,9,1]")),
              ElementsAre(1, 3));
  EXPECT_THAT(MUST(database->query<int>(
                  "select id from things where name in (select value from json_each(?)) and id > ? order by id",
                  R"(["b","\"c","a"])", 1)),
              ElementsAre(2, 3));
}

TEST_F(DatabaseTest, TextIsOrderedByItsBytes) {
  for (const char* name : {"b", "A", "a", "B", "_", "\xc3\xa4", "10", "9", "a b", "ab"}) {
    MUST(database->execute("insert into things (name) values (?)", name));
  }
  EXPECT_THAT(MUST(database->query<std::string>("select name from things order by name")),
              ElementsAre("10", "9", "A", "B", "_", "a", "a b", "ab", "b", "\xc3\xa4"));
  EXPECT_THAT(MUST(database->query<std::string>("select max(name) from things where name < 'b'")), ElementsAre("ab"));
}

TEST_F(DatabaseTest, NumbersComeBackBitByBit) {
  using Limits = std::numeric_limits<double>;
  for (const double real :
       {0.1 + 0.2, -0.0, Limits::infinity(), -Limits::infinity(), Limits::max(), Limits::denorm_min()}) {
    const double back = MUST(database->query<double>("select ?", real)).front();
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(real)) << real;
  }
  EXPECT_EQ(MUST(database->query<std::optional<double>>("select ?", Limits::quiet_NaN())).front(), std::nullopt);
  for (const std::int64_t integer :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(MUST(database->query<std::int64_t>("select ?", integer)).front(), integer);
  }
}

TEST_F(DatabaseTest, ComparisonsCountsAndSumsAreNumbers) {
  MUST(database->execute("insert into things (weight, heavy) values (1.5, 1), (2.5, 2)"));
  EXPECT_TRUE(MUST(database->query<bool>("select count(*) > 1 from things")).front());
  EXPECT_TRUE(MUST(database->query<bool>("select exists (select 1 from things)")).front());
  EXPECT_EQ(MUST(database->query<std::int64_t>("select sum(heavy) from things")).front(), 3);
  EXPECT_EQ(MUST(database->query<double>("select avg(heavy) from things")).front(), 1.5);
  EXPECT_EQ(MUST(database->query<double>("select sum(weight) from things")).front(), 4);
  EXPECT_EQ(MUST(database->query<int>("select cast(2.0 as bigint)")).front(), 2);
}

TEST_F(DatabaseTest, ParametersAreNumberedAndNullsHaveTypes) {
  MUST(database->execute("insert into things (id, name) values (1, 'a'), (2, 'b')"));
  const auto ids = [&](std::optional<std::string> name, std::optional<int> above) {
    return MUST(database->query<std::int64_t>(
        "select id from things where (?1 is null or name = ?1) and id > coalesce(?2, 0) order by id", name, above));
  };
  EXPECT_THAT(ids("b", std::nullopt), ElementsAre(2));
  EXPECT_THAT(ids(std::nullopt, std::nullopt), ElementsAre(1, 2));
  EXPECT_THAT(ids(std::nullopt, 1), ElementsAre(2));
}

TEST_F(DatabaseTest, AListIsOneParameter) {
  MUST(database->execute("insert into things (id, name) values (1, 'a'), (2, 'b'), (3, 'c')"));
  EXPECT_THAT(MUST(database->query<std::string>(
                  "select name from things where id in (select cast(value as bigint) from json_each(?)) order by id",
                  "[1, 3, 7]")),
              ElementsAre("a", "c"));
  EXPECT_THAT(
      MUST(database->query<std::int64_t>(
          "select id from things where name in (select value from json_each(?)) order by id", R"(["b", "it's"])")),
      ElementsAre(2));
}

TEST_F(DatabaseTest, ARowThatIsThereIsChanged) {
  constexpr std::string_view put =
      "insert into things (name, weight) values (?, ?) "
      "on conflict (name) do update set weight = excluded.weight where excluded.weight > things.weight";
  EXPECT_EQ(MUST(database->execute(put, "a", 1.0)), 1);
  EXPECT_EQ(MUST(database->execute(put, "a", 2.0)), 1);
  EXPECT_EQ(MUST(database->execute(put, "a", 1.5)), 0);
  EXPECT_EQ(MUST(database->query<double>("select weight from things")).front(), 2.0);
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
  database = open_for_test(home.path());
  EXPECT_EQ(count(), 1);
}

}  // namespace
}  // namespace millrace::db
