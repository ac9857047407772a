#include "sql/sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

namespace millrace::sql {
namespace {

const std::vector<ColumnDef> kColumns = {{"event_time", Type::kTimestamp}, {"distance", Type::kBigint},
                                         {"delay", Type::kDouble},         {"origin", Type::kVarchar},
                                         {"late", Type::kBoolean},         {"date", Type::kTimestamp}};

constexpr std::int64_t kTime = 983'430'600'000'000;  // 2001-03-01 07:10:00

std::vector<Value> sample_row() {
  return {Value::of(kTime), Value::of(std::int64_t{300}),
          Value::of(12.5),  Value::of(std::string_view("SFO")),
          Value::null(),    Value::of(kTime)};
}

std::string show(const Value& value, Type type) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kError:
      return fmt::format("error: {}", value.text);
    case Value::Kind::kDouble:
      return fmt::format("{}", value.number);
    case Value::Kind::kText:
      return std::string(value.text);
    case Value::Kind::kInteger:
      break;
  }
  return type == Type::kBoolean ? (value.integer ? "true" : "false") : fmt::format("{}", value.integer);
}

std::string evaluated(std::string_view text) {
  const auto expression = Expression::compile(text, kColumns);
  if (!expression) return fmt::format("{}: {}", expression.error().offset, expression.error().message);
  Scratch scratch;
  const auto row = sample_row();
  return show(expression->evaluate(row, scratch), expression->type());
}

struct Case {
  std::string text, result;
};

TEST(Expression, evaluates) {
  const Case cases[] = {
      {"distance / 7.5 + 30", "70"},
      {"hour(event_time)", "7"},
      {"isodow(event_time)", "4"},
      {"case when delay > 15 then 1 else 0 end", "0"},
      {"case origin when 'SFO' then 'west' when 'JFK' then 'east' end", "west"},
      {"epoch(date + interval '30 minutes') - epoch(date)", "1800"},
      {"epoch(date + to_minutes(distance))  - epoch(event_time)", "18000"},
      {"DATE", "983430600000000"},
      {"\"Distance\" + 1", "301"},
      {"late and false", "false"},
      {"late or true", "true"},
      {"late and true", "null"},
      {"not late is null", "false"},
      {"coalesce(late, false)", "false"},
      {"1 + 2 * 3 - -4", "11"},
      {"-2 ^ 2", "4"},
      {"7 // -2", "-3"},
      {"distance % 7", "6"},
      {"1 / 0", "inf"},
      {"1 // 0", "null"},
      {"9223372036854775807 + distance", "error: integer out of range"},
      {"try_cast(origin as double)", "null"},
      {"cast(origin as double)", "error: could not convert string 'SFO' to double"},
      {"origin || '-' || distance", "SFO-300"},
      {"origin like 'S_O' and origin ilike '%fo'", "true"},
      {"distance between 100 and 300", "true"},
      {"distance not between 100 and 300", "false"},
      {"distance in (1, 2, null)", "null"},
      {"distance not in (1, 2)", "true"},
      {"late is distinct from null", "false"},
      {"date_trunc('day', event_time) = date '2001-03-01'", "true"},
      {"event_time >= '2001-03-01'", "true"},
      {"date_diff('hour', date '2001-03-01', event_time)", "7"},
      {"extract(hour from event_time)", "7"},
      {"if(distance > 100, 'far', 'near')", "far"},
      {"greatest(distance, delay, null)", "300"},
      {"round(delay / 7, 2)", "1.79"},
      {"substr(origin, 2, 1)", "F"},
      {"null", "null"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluated(c.text), c.result) << c.text;
}

TEST(Expression, says_what_is_wrong_and_where) {
  const Case cases[] = {
      {"", "0: expression is empty"},
      {"distence + 1", "0: there is no column \"distence\"; did you mean \"distance\"?"},
      {"1 + flor(delay)", "4: there is no function flor; did you mean \"floor\"?"},
      {"hour(origin)", "0: there is no hour(varchar); there is hour(timestamp)"},
      {"distance +", "10: expected a value before end of the expression"},
      {"(distance", "9: expected \")\" before end of the expression"},
      {"'abc", "0: this string has no end"},
      {"distance ; drop", "9: unexpected character \";\""},
      {"distance distance", "9: unexpected \"distance\""},
      {"1 < 2 < 3", "6: comparisons cannot follow one another; join them with and"},
      {"cast(delay as decimal)", "0: type decimal is not supported here"},
      {"origin > 5", "7: there is no >(varchar, bigint); there is"},
      {"event_time > 'soon'", "13: could not convert string 'soon' to timestamp"},
      {"date_trunc('fortnight', date)", "11: date_trunc does not know the part \"fortnight\""},
      {"interval '1 day'", "0: an interval is not a value that can be kept; use date_diff() or epoch()"},
      {"case when 1 = 1 then 'a' else 2.5 end", "21: could not convert string 'a' to double"},
      {"12monkeys", "0: a name cannot begin with a digit"},
      {"case when origin then 1 end", "10: expected a condition, found a varchar"},
  };
  for (const Case& c : cases) EXPECT_THAT(evaluated(c.text), testing::StartsWith(c.result)) << c.text;
}

TEST(Expression, refuses_hostile_depth_and_length) {
  const std::string parentheses = std::string(5000, '(') + "1" + std::string(5000, ')');
  EXPECT_THAT(evaluated(parentheses), testing::HasSubstr("nested too deeply"));
  std::string chain = "1";
  for (int i = 0; i < 3000; ++i) chain += "+1";
  EXPECT_THAT(evaluated(chain), testing::HasSubstr("too many operators"));
  EXPECT_THAT(evaluated(std::string(5000, '-') + "1"), testing::HasSubstr("comments"));
  std::string minus;
  for (int i = 0; i < 5000; ++i) minus += "- ";
  EXPECT_THAT(evaluated(minus + "1"), testing::HasSubstr("nested too deeply"));
  EXPECT_THAT(evaluated(std::string(20'000, ' ')), testing::HasSubstr("16 KiB"));
}

TEST(Expression, reports_the_columns_it_reads) {
  const auto expression = MUST(Expression::compile("late or delay > 1 or Delay < 2", kColumns));
  EXPECT_THAT(expression.columns_used(), testing::ElementsAre(2, 4));
  EXPECT_EQ(expression.type(), Type::kBoolean);
}

TEST(Expression, evaluates_quickly) {
  const auto expression = MUST(Expression::compile("hour(event_time)", kColumns));
  Scratch scratch;
  auto row = sample_row();
  std::int64_t sum = 0;
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRounds = 1'000'000;
  for (int i = 0; i < kRounds; ++i) row[0].integer += 1'000'000, sum += expression.evaluate(row, scratch).integer;
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  EXPECT_GT(sum, 0);
  RecordProperty("ns_per_evaluation", std::to_string(took.count() / kRounds));
  fmt::print("hour(event_time): {:.1f} ns\n", took.count() / kRounds);
}

}  // namespace
}  // namespace millrace::sql
