#include "duck/check.h"

#include <gtest/gtest.h>

namespace millrace::duck {
namespace {

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() : database_(MUST(Database::open({.threads = 1}))), connection_(MUST(database_->connect())) {
    MUST(connection_.execute("create table flights (origin varchar, delay bigint, seen timestamp)"));
  }
  SqlResult<Type> expression(std::string_view text, Aggregates aggregates = Aggregates::kRefused) {
    return check_expression(connection_, text, columns_, aggregates);
  }

  const std::vector<ColumnType> columns_{
      {"origin", Type::kVarchar}, {"delay", Type::kBigint}, {"seen", Type::kTimestamp}};
  std::unique_ptr<Database> database_;
  Connection connection_;
};

TEST_F(CheckTest, SelectAnswersItsColumns) {
  const auto columns =
      check_select(connection_, "select origin, avg(delay) as mean, max(seen) as newest from flights group by 1");
  ASSERT_TRUE(columns) << columns.error().message;
  EXPECT_EQ(*columns, (std::vector<ColumnType>{
                          {"origin", Type::kVarchar}, {"mean", Type::kDouble}, {"newest", Type::kTimestamp}}));
  EXPECT_TRUE(check_select(connection_, "with a as (select 1 as x) select * from a"));
  EXPECT_TRUE(check_select(connection_, "from flights"));
  EXPECT_TRUE(check_select(connection_, "select 1;"));
}

TEST_F(CheckTest, AnythingElseThanOneSelectIsRefused) {
  for (const char* sql : {"", "select 1; select 2", "drop table flights", "copy flights to 'x.csv'", "set threads = 1",
                          "insert into flights values (null, null, null)", "attach 'x.db'", "pragma database_list"}) {
    EXPECT_FALSE(check_select(connection_, sql)) << sql;
  }
}

TEST_F(CheckTest, SelectFaultsKnowTheirPlace) {
  const auto unknown = check_select(connection_, "select orgin from flights");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().offset, 7u);
  EXPECT_EQ(unknown.error().message, "referenced column \"orgin\" not found in FROM clause; did you mean origin?");
  EXPECT_EQ(check_select(connection_, "select 1 +").error().offset, 10u);
  EXPECT_EQ(check_select(connection_, "select 1 frm x y").error().offset, 13u);
}

TEST_F(CheckTest, ExpressionAnswersItsType) {
  EXPECT_EQ(expression("delay > 15").value(), Type::kBoolean);
  EXPECT_EQ(expression("hour(seen) -- the hour").value(), Type::kBigint);
  EXPECT_EQ(expression("delay / 2").value(), Type::kDouble);
  EXPECT_EQ(expression("extract(hour from seen) + (delay)").value(), Type::kBigint);
  EXPECT_EQ(expression("origin in ('a)', \"origin\")").value(), Type::kBoolean);
  EXPECT_EQ(expression("avg(delay)", Aggregates::kAllowed).value(), Type::kDouble);
}

TEST_F(CheckTest, ExpressionFaultsKnowTheirPlace) {
  EXPECT_EQ(expression("delay + dely").error().offset, 8u);
  EXPECT_EQ(expression("delay +").error().offset, 7u);
  EXPECT_EQ(expression("nope(delay)").error().offset, 0u);
}

TEST_F(CheckTest, ExpressionCannotBreakOut) {
  for (const char* text :
       {"delay) from flights; drop table flights; select (1", "1; drop table flights", "delay) , (delay", "(delay",
        "'open", "(select 1)", "( /* */ from read_text('/etc/passwd'))", "exists (from flights)", "sum(delay)",
        "row_number() over ()", "*", "", "  -- nothing", "$1", "?"}) {
    EXPECT_FALSE(expression(text)) << text;
  }
}

}  // namespace
}  // namespace millrace::duck
