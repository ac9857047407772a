#include "duck/duck.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/files.h"
#include "duck/sandbox.h"

namespace millrace::duck {
namespace {

class DuckTest : public ::testing::Test {
 protected:
  DuckTest()
      : database_(MUST(Database::open({.temp_directory = directory_.path() / "spill"}))),
        connection_(MUST(database_->connect())) {}

  std::string message(std::string_view sql) {
    const auto result = connection_.query(sql);
    return result ? "no error" : result.error().message;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Database> database_;
  Connection connection_;
};

TEST_F(DuckTest, ReadsEachTypeAsOneOfFive) {
  const Table table = MUST(connection_.query(R"(
    select true as b, 7::tinyint as t, 8::uinteger as u, sum(9::bigint) as huge, 1.5::float as f, 2.25::decimal(10, 2) as d,
           'text' as s, timestamp '2001-01-02 03:04:05' as ts, date '2001-01-01' as day, [1, 2] as list,
           timestamptz '2001-01-01 00:00:00+02' as tz, null as nothing, interval 1 day as i)"));
  ASSERT_EQ(table.rows, 1u);
  EXPECT_EQ(table.find("b")->type, Type::kBoolean);
  EXPECT_EQ(table.find("b")->ints[0], 1);
  EXPECT_EQ(table.find("t")->ints[0], 7);
  EXPECT_EQ(table.find("u")->ints[0], 8);
  EXPECT_EQ(table.find("huge")->ints[0], 9);
  EXPECT_EQ(table.find("f")->doubles[0], 1.5);
  EXPECT_EQ(table.find("d")->doubles[0], 2.25);
  EXPECT_EQ(table.find("s")->strings[0], "text");
  EXPECT_EQ(format_time({table.find("ts")->ints[0]}), "2001-01-02T03:04:05Z");
  EXPECT_EQ(format_time({table.find("day")->ints[0]}), "2001-01-01T00:00:00Z");
  EXPECT_EQ(table.find("list")->strings[0], "[1, 2]");
  EXPECT_EQ(format_time({table.find("tz")->ints[0]}), "2000-12-31T22:00:00Z");
  EXPECT_TRUE(table.find("nothing")->is_null(0));
  EXPECT_EQ(table.find("i")->strings[0], "1 day");
}

TEST_F(DuckTest, NullsAreMarkedAndHoldNeutralValues) {
  const Table table =
      MUST(connection_.query("select * from (values (1, 1.5::double, 'a'), (null, null, null)) t(i, d, s)"));
  EXPECT_EQ(table.columns[0].valid, (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(table.columns[0].ints[1], 0);
  EXPECT_TRUE(std::isnan(table.columns[1].doubles[1]));
  EXPECT_EQ(table.columns[2].strings[1], "");
}

TEST_F(DuckTest, BindsParameters) {
  const Table table =
      MUST(connection_.query("select ? as a, ? as b, ? as c, ? as d, ? as e",
                             {std::int64_t{5}, std::string("it's"), Timestamp{1'000'000}, true, std::monostate{}}));
  EXPECT_EQ(table.columns[0].ints[0], 5);
  EXPECT_EQ(table.columns[1].strings[0], "it's");
  EXPECT_EQ(table.columns[2].ints[0], 1'000'000);
  EXPECT_EQ(table.columns[3].ints[0], 1);
  EXPECT_TRUE(table.columns[4].is_null(0));
  EXPECT_FALSE(connection_.query("select ?"));
}

TEST_F(DuckTest, AppendedRowsComeBackUnchanged) {
  Table rows = Table::of({{"flag", Type::kBoolean},
                          {"n", Type::kBigint},
                          {"x", Type::kDouble},
                          {"s", Type::kVarchar},
                          {"at", Type::kTimestamp}});
  for (std::int64_t i = 0; i < 5000; ++i) {
    rows.columns[0].append_int(i % 2);
    i % 7 == 0 ? rows.columns[1].append_null() : rows.columns[1].append_int(i);
    rows.columns[2].append_double(static_cast<double>(i) / 3);
    i % 5 == 0 ? rows.columns[3].append_null()
               : rows.columns[3].append_string("a longer text with number " + std::to_string(i));
    rows.columns[4].append_int(i * 1'000'000);
    ++rows.rows;
  }
  ASSERT_TRUE(connection_.create_temp_table("copy of rows", rows));
  const Table back = MUST(connection_.query("select * from \"copy of rows\""));
  EXPECT_EQ(back.rows, rows.rows);
  EXPECT_EQ(back.types(), rows.types());
  for (std::size_t c = 0; c < rows.columns.size(); ++c) {
    EXPECT_EQ(back.columns[c].valid, rows.columns[c].valid);
    EXPECT_EQ(back.columns[c].ints, rows.columns[c].ints);
    EXPECT_EQ(back.columns[c].strings, rows.columns[c].strings);
  }
}

TEST_F(DuckTest, StreamsInOrderAndStopsAtTheVisitorsError) {
  std::int64_t next = 0;
  ASSERT_TRUE(connection_.stream("select range as n from range(100000) order by n", [&](Table& chunk) -> Result<void> {
    for (const std::int64_t n : chunk.columns[0].ints) EXPECT_EQ(n, next++);
    return {};
  }));
  EXPECT_EQ(next, 100'000);
  int calls = 0;
  const auto stopped = connection_.stream("select range from range(100000)", [&](Table&) -> Result<void> {
    ++calls;
    return invalid_argument("enough");
  });
  EXPECT_EQ(stopped.error().message, "enough");
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(connection_.query("select 1"));
}

TEST_F(DuckTest, ErrorsAreOnePlainLine) {
  EXPECT_EQ(message("select nope from range(3)"), "referenced column \"nope\" not found in FROM clause");
  EXPECT_EQ(message("select cast('abc' as int)"), "could not convert string 'abc' to INT32");
  EXPECT_EQ(message("selec 1"), "syntax error at or near \"selec\"");
  EXPECT_EQ(message(""), "the SQL is empty");
  EXPECT_EQ(message("select 1; select 2"), "one SQL statement is expected, not 2");
  EXPECT_EQ(connection_.query("select * from 'nowhere.parquet'").error().code, Code::kNotFound);
}

TEST_F(DuckTest, OverflowingTheMemoryLimitIsResourceExhausted) {
  auto small = MUST(Database::open({.memory_limit = 20 << 20, .threads = 1}));
  Connection connection = MUST(small->connect());
  const auto result = connection.query(
      "select count(*) from (select range as a, md5(range::varchar) as b from range(3000000) order by b) t where a >= "
      "0");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kResourceExhausted);
}

TEST_F(DuckTest, AnotherThreadInterruptsAQuery) {
  std::atomic<bool> done = false;
  std::jthread other([&] {
    while (!done) connection_.interrupt();
  });
  const auto result = connection_.query("select sum(a.range * b.range) from range(1000000) a, range(100000) b");
  done = true;
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kCancelled);
}

TEST_F(DuckTest, StartsOnlyWithTheFirstConnection) {
  const auto lazy = Database::open({.temp_directory = directory_.path() / "lazy"});
  ASSERT_TRUE(lazy);
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "lazy"));
}

TEST_F(DuckTest, ExecuteAnswersTheRowsChanged) {
  EXPECT_EQ(MUST(connection_.execute("create temp table t as select range as a from range(10)")), 0);
  EXPECT_EQ(MUST(connection_.execute("delete from t where a < ?", {std::int64_t{4}})), 4);
}

TEST_F(DuckTest, QuotingMakesAnyTextOneToken) {
  EXPECT_EQ(
      MUST(connection_.query("select " + quote_literal("a'b; --") + " as " + quote_identifier("x\"y"))).columns[0].name,
      "x\"y");
}

TEST_F(DuckTest, ParquetBytesRepeatFromRunToRun) {
  const auto write = [&](const std::string& name) {
    const auto path = directory_.path() / name;
    MUST(connection_.execute(
        "copy (select range * 7919 % 300007 as a, md5(range::varchar) as b from range(300000) order by a, b) to " +
        quote_literal(path.string()) + " (format parquet)"));
    return MUST(read_file(path));
  };
  const std::string first = write("a.parquet");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(write("b.parquet") == first);
}

class SandboxTest : public DuckTest {
 protected:
  SandboxTest() {
    MUST(connection_.execute("copy (select 1 as a, 'x' as b) to " + quote_literal(file().string()) +
                             " (format parquet)"));
    MUST(connection_.execute("copy (select 2 as secret) to " + quote_literal(other().string()) + " (format parquet)"));
    sandbox_ = MUST(Sandbox::open(
        {}, {{"rows", {file()}, {}}, {"typed", {file()}, {{"b", Type::kVarchar}, {"later", Type::kDouble}}}}));
    user_.emplace(MUST(sandbox_->connect()));
  }
  std::filesystem::path file() const { return directory_.path() / "rows.parquet"; }
  std::filesystem::path other() const { return directory_.path() / "other.parquet"; }

  std::unique_ptr<Sandbox> sandbox_;
  std::optional<Connection> user_;
};

TEST_F(SandboxTest, ReadsItsViews) {
  EXPECT_EQ(MUST(user_->query("select a from rows")).columns[0].ints[0], 1);
  const Table typed = MUST(user_->query("select * from typed"));
  EXPECT_EQ(typed.types(), (std::vector<ColumnType>{{"b", Type::kVarchar}, {"later", Type::kDouble}}));
}

TEST_F(SandboxTest, ReachesNothingElse) {
  const std::string before = MUST(read_file(file()));
  for (const std::string& sql :
       {"select * from " + quote_literal(other().string()),
        "select * from read_parquet(" + quote_literal((directory_.path() / "*.parquet").string()) + ")",
        std::string("select * from read_text('/etc/passwd')"), std::string("select * from glob('/etc/*')"),
        "copy (select 1) to " + quote_literal((directory_.path() / "new.csv").string()),
        "copy (select 1) to " + quote_literal(file().string()),
        "attach " + quote_literal((directory_.path() / "new.db").string()), std::string("install httpfs"),
        std::string("load httpfs"), std::string("set enable_external_access = true"), std::string("set threads = 8"),
        std::string("reset lock_configuration"), std::string("select * from 'https://example.org/x.csv'")}) {
    EXPECT_FALSE(user_->execute(sql)) << sql;
  }
  EXPECT_EQ(MUST(read_file(file())), before);
}

}  // namespace
}  // namespace millrace::duck
