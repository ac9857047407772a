#include "search/syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "search/bind.h"
#include "search/moment.h"
#include "search/things_for_tests.h"

namespace millrace::search {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Timestamp kNow = parse_time("2026-03-31T12:00:00Z").value();

std::string text_of(const Tree<Comparison>& tree) {
  using Kind = Tree<Comparison>::Kind;
  if (tree.kind == Kind::kLeaf) {
    std::string text = fmt::format("{}|{} {}", tree.leaf.left.entity, tree.leaf.left.key, to_text(tree.leaf.op));
    for (const Literal& literal : tree.leaf.right) text += " " + literal.written;
    return text;
  }
  std::string text = tree.kind == Kind::kAll ? "all(" : tree.kind == Kind::kAny ? "any(" : "not(";
  for (std::size_t i = 0; i < tree.parts.size(); ++i) text += (i > 0 ? "; " : "") + text_of(tree.parts[i]);
  return text + ")";
}

TEST(FilterSyntax, IsReadAsATree) {
  const std::pair<std::string_view, std::string_view> filters[] = {
      {"", "all()"},
      {"  ", "all()"},
      {"metrics.a > 1", "metrics|a > 1"},
      {"a = 'x'", "|a = 'x'"},
      {"metrics.a > 1 and params.b = 'c'", "all(metrics|a > 1; params|b = 'c')"},
      {"a = 1 OR b = 2 AND NOT c = 3", "any(|a = 1; all(|b = 2; not(|c = 3)))"},
      {"(a = 1 OR b = 2) AND c = 3", "all(any(|a = 1; |b = 2); |c = 3)"},
      {"NOT (NOT a = 1)", "not(not(|a = 1))"},
      {"tags.mlflow.source.name = 'x'", "tags|mlflow.source.name = 'x'"},
      {"metrics.`a b` >= -1.5e-3", "metrics|a b >= -1.5e-3"},
      {"metrics.\"a b\" != .5", "metrics|a b != .5"},
      {"`Run name` = \"x\"", "|Run name = \"x\""},
      {"params.val-loss/x = 'y'", "params|val-loss/x = 'y'"},
      {"metrics.a=-1", "metrics|a = -1"},
      {"run_id IN ('a', \"b\")", "|run_id IN 'a' \"b\""},
      {"run_id not in ('a')", "|run_id NOT IN 'a'"},
      {"tags.x is null AND params.y IS NOT NULL", "all(tags|x IS NULL; params|y IS NOT NULL)"},
      {"tags.order LIKE '%a_'", "tags|order LIKE '%a_'"},
      {"tags.and = 'x' and tags.in ilike 'y'", "all(tags|and = 'x'; tags|in ILIKE 'y')"},
      {"name rlike '^a.*'", "|name RLIKE '^a.*'"},
      {"params.größe = 'ä'", "params|größe = 'ä'"},
  };
  for (const auto& [filter, tree] : filters) {
    const auto parsed = parse_filter(filter);
    ASSERT_TRUE(parsed) << filter << ": " << parsed.error().message;
    EXPECT_EQ(text_of(*parsed), tree) << filter;
  }
}

TEST(FilterSyntax, ADoubledQuoteStandsForOne) {
  EXPECT_EQ(MUST(parse_filter("params.a = 'it''s'")).leaf.right.front().text, "it's");
  EXPECT_EQ(MUST(parse_filter("params.`a``b` = 'x'")).leaf.left.key, "a`b");
}

Result<Tree<Clause>> bound(std::string_view filter) { return bind(TRY(parse_filter(filter)), thing_schema(), kNow); }

// The texts are those of mlflow/utils/search_utils.py, version 3.17.
TEST(FilterErrors, AreMlflowsOwn) {
  const std::pair<std::string_view, std::string_view> filters[] = {
      {"metric.acc >= 0.94; metrics.rmse < 1",
       "Search filter contained multiple expression 'metric.acc >= 0.94; metrics.rmse < 1'. Provide AND-ed expression "
       "list."},
      {"m.acc >= 0.94", "Invalid entity type 'm'. Valid values are ['metric', 'parameter', 'attribute', 'dataset']"},
      {"acc >= 0.94",
       "Invalid attribute key 'acc' specified. Valid keys are '{'Run name', 'created', 'end_time', 'experiment_id', "
       "'name', 'note', 'run_id', 'start_time'}'"},
      {"metrics.A > 0.1 NAND params.B = 'LR'", "Invalid clause(s) in filter string: 'NAND'"},
      {"`metrics.A > 0.1", "Invalid clause(s) in filter string: '`metrics.A > 0.1'"},
      {"param`.A > 0.1", "Invalid clause(s) in filter string: 'param`.A > 0.1'"},
      {"params.'acc = LR'", "Invalid clause(s) in filter string: 'params.'acc = LR''"},
      {"params.acc = 'LR", "Invalid clause(s) in filter string: ''LR'"},
      {"params.acc = LR'", "Invalid clause(s) in filter string: ''"},
      {"params.acc LR", "Invalid clause(s) in filter string: 'LR'"},
      {"metric.acc !=", "Invalid clause(s) in filter string: 'metric.acc !='"},
      {"metrics.a = = 3", "Invalid clause(s) in filter string: '='"},
      {"metrics.a = 1 metrics.b = 2", "Invalid clause(s) in filter string: 'metrics.b'"},
      {"metrics.a = 1 AND", "Invalid clause(s) in filter string: 'metrics.a = 1 AND'"},
      {"= 3", "Invalid clause(s) in filter string: '='"},
      {"(metrics.a = 1", "Invalid clause(s) in filter string: '(metrics.a = 1'"},
      {"metrics.a = 1)", "Invalid clause(s) in filter string: ')'"},
      {"metrics.a = 7d", "Invalid clause(s) in filter string: '7d'"},
      {"metrics.a IS 3", "Invalid clause(s) in filter string: '3'"},
      {"run_id IN 'a'", "Invalid clause(s) in filter string: ''a''"},
      {"run_id in ('a'", "Invalid clause(s) in filter string: "},
      {"run_id in ('a' 'b')", "Invalid clause(s) in filter string: ''b''"},
      {"'a' = 'b'", "Invalid comparison clause. Expected 'Identifier' found ''a''"},
      {"1 = 1", "Invalid comparison clause. Expected 'Identifier' found '1'"},
      {"params.B = LR",
       "Parameter value is either not quoted or unidentified quote types used for string value LR. Use either single "
       "or double quotes."},
      {"params.B = 3", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 3"},
      {"metrics.A = 'a'", "Expected numeric value type for metric. Found 'a'"},
      {"metrics.A = nan", "Expected numeric value type for metric. Found nan"},
      {"attribute.start_time = 'x'", "Expected numeric value type for numeric attribute: start_time. Found 'x'"},
      {"run_id = 3", "Expected a quoted string value for attributes. Got value 3"},
      {"dataset.name = 3", "Expected a quoted string value for dataset attributes. Got value 3"},
      {"dataset.foo = 'x'", "Invalid dataset key 'foo' specified. Valid keys are '{'context', 'name'}'"},
      {"run_id in ()",
       "While parsing a list in the query, expected a non-empty list of string values, but got empty list"},
      {"run_id in (1,2)",
       "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type "
       "in list: 1"},
      {"params.a > 'b'", "Invalid comparator '>' not one of '{'!=', '=', 'ILIKE', 'IN'"},
      {"metrics.a like 'x'", "Invalid comparator 'LIKE' not one of '{'!=', '<', '<=', '=', '>', '>='"},
      {"start_time like 1", "Invalid comparator 'LIKE' not one of "},
      {"params.a <> 'x'", "Invalid comparator '<>' not one of "},
      {"metrics.a == 1", "Invalid comparator '==' not one of "},
      {"experiment_id = 'abc'", "Invalid experiment ID 'abc'. Experiment ID must be a valid integer."},
      {"experiment_id > '1'", "Invalid comparator for experiment_id: >"},
      {"metrics.a = 1e999", "the number 1e999 is out of range"},
      {"name RLIKE '(a'", "\"(a\" is not a pattern: missing )"},
  };
  for (const auto& [filter, message] : filters) {
    const auto result = bound(filter);
    ASSERT_FALSE(result) << filter;
    EXPECT_EQ(result.error().code, Code::kInvalidArgument) << filter;
    EXPECT_THAT(result.error().message, StartsWith(std::string(message))) << filter;
  }
}

TEST(FilterErrors, SayWhere) {
  EXPECT_THAT(parse_filter("metrics.a = 1 XOR metrics.b = 2").error().message,
              HasSubstr("at character 15, where AND, OR or the end is expected"));
}

TEST(FilterLimits, DepthLengthAndListsAreBounded) {
  const auto deep = [](int levels) { return std::string(levels, '(') + "a = 1" + std::string(levels, ')'); };
  EXPECT_TRUE(parse_filter(deep(kMaxDepth - 1)));
  EXPECT_THAT(parse_filter(deep(100'000)).error().message, HasSubstr("nest at most"));
  std::string nots;
  for (int i = 0; i < 100'000; ++i) nots += "not ";
  EXPECT_FALSE(parse_filter(nots + "a = 1"));
  std::string chain = "a = 1";
  for (int i = 0; i < kMaxComparisons; ++i) chain += " or a = 1";
  EXPECT_THAT(parse_filter(chain).error().message, HasSubstr("at most 300 comparisons"));
  EXPECT_THAT(parse_filter(std::string(kMaxFilterBytes + 1, ' ')).error().message, HasSubstr("bytes"));
  EXPECT_FALSE(bound("name LIKE '" + std::string(kMaxPatternBytes + 1, 'a') + "'"));
}

TEST(FilterSyntax, RandomTextIsReadOrRefused) {
  constexpr std::string_view kPieces[] = {"metrics.",
                                          "a",
                                          "`",
                                          "'",
                                          "\"",
                                          " ",
                                          "AND",
                                          " OR ",
                                          "NOT ",
                                          "(",
                                          ")",
                                          "=",
                                          "!=",
                                          ">",
                                          "<",
                                          "1",
                                          ".",
                                          "-",
                                          "e9",
                                          "IN",
                                          ",",
                                          "IS ",
                                          "NULL",
                                          "LIKE",
                                          "%",
                                          "\xff",
                                          "\0",
                                          ";",
                                          "params.b = 'c'",
                                          "name"};
  std::mt19937 random(7);
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (unsigned n = random() % 12; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    const auto result = bound(text);
    if (!result) {
      EXPECT_EQ(result.error().code, Code::kInvalidArgument) << text;
    }
    (void)bind_order({text}, thing_schema());
  }
}

TEST(OrderSyntax, IsAnIdentifierAndADirection) {
  const std::pair<std::string_view, std::string_view> orders[] = {
      {"metrics.a", "metrics|a asc"},
      {"metrics.a DESC", "metrics|a desc"},
      {"metrics.`a b` desc", "metrics|a b desc"},
      {"metrics.\"a b\"", "metrics|a b asc"},
      {"tag.'a b' ASC", "tag|a b asc"},
      {"start_time  DESC ", "|start_time desc"},
  };
  for (const auto& [text, expected] : orders) {
    const auto order = parse_order(text);
    ASSERT_TRUE(order) << text;
    const auto* direction = order->direction == Direction::kDescending ? "desc" : "asc";
    EXPECT_EQ(fmt::format("{}|{} {}", order->by.entity, order->by.key, direction), expected);
  }
}

TEST(OrderSyntax, OneLineHoldsSeveral) {
  EXPECT_THAT(split_order_by("metrics.a DESC, `x,y`,b"), ::testing::ElementsAre("metrics.a DESC", " `x,y`", "b"));
  EXPECT_THAT(split_order_by("  "), ::testing::IsEmpty());
  EXPECT_THAT(split_order_by("a,"), ::testing::ElementsAre("a", ""));
}

TEST(OrderErrors, AreMlflowsOwn) {
  const std::pair<std::vector<std::string>, std::string_view> orders[] = {
      {{"metrics.a b"}, "Invalid ordering key in order_by clause 'metrics.a b'."},
      {{"metrics.a asc desc"}, "Invalid order_by clause 'metrics.a asc desc'. Could not be parsed."},
      {{"'x'"}, "Invalid order_by clause ''x''. Could not be parsed."},
      {{""}, "Invalid order_by clause ''. Could not be parsed."},
      {{"metrics.a,metrics.b"}, "Invalid order_by clause 'metrics.a,metrics.b'. Could not be parsed."},
      {{"end_time DESC;"}, "Invalid order_by clause 'end_time DESC;'. Could not be parsed."},
      {{"m.x"}, "Invalid entity type 'm'. Valid values are "},
      {{"foo"}, "Invalid attribute key 'foo' specified. Valid keys are "},
      {{"dataset.name"}, "Invalid order_by entity: dataset"},
      {{"metrics.a", "metric.`a` desc"}, "`order_by` contains duplicate fields: ['metrics.a', 'metric.`a` desc']"},
  };
  for (const auto& [order_by, message] : orders) {
    const auto result = bind_order(order_by, thing_schema());
    ASSERT_FALSE(result) << order_by.front();
    EXPECT_THAT(result.error().message, StartsWith(std::string(message)));
  }
}

TEST(Moment, IsReadAsAPersonWritesIt) {
  const std::pair<std::string_view, std::string_view> moments[] = {
      {"2026-03-01", "2026-03-01T00:00:00Z"},   {"2026-03-01 06:30", "2026-03-01T06:30:00Z"},
      {"now", "2026-03-31T12:00:00Z"},          {"Today", "2026-03-31T00:00:00Z"},
      {"yesterday", "2026-03-30T00:00:00Z"},    {"7 days ago", "2026-03-24T12:00:00Z"},
      {"an hour ago", "2026-03-31T11:00:00Z"},  {"90 seconds ago", "2026-03-31T11:58:30Z"},
      {"2  weeks AGO", "2026-03-17T12:00:00Z"}, {"1 month ago", "2026-02-28T12:00:00Z"},
      {"2 years ago", "2024-03-31T12:00:00Z"},
  };
  for (const auto& [text, time] : moments) {
    const auto moment = parse_moment(text, kNow);
    ASSERT_TRUE(moment) << text;
    EXPECT_EQ(format_time(*moment), time) << text;
  }
  for (const std::string_view text : {"", "soon", "7 days", "-7 days ago", "7 parsecs ago", "7.5 days ago"}) {
    EXPECT_FALSE(parse_moment(text, kNow)) << text;
  }
}

TEST(Moment, AMillisecondIsAThousandMicroseconds) {
  const auto span = [](std::string_view filter) { return std::get<Span>(MUST(bound(filter)).leaf.operands.front()); };
  EXPECT_EQ(span("start_time = 5").low, 5000);
  EXPECT_EQ(span("start_time = 5").high, 6000);
  EXPECT_EQ(span("start_time = 5.5").low, span("start_time = 5.5").high);
  EXPECT_EQ(span("start_time = 5.5").low, 6000);
  EXPECT_EQ(span("start_time = -1").low, -1000);
  EXPECT_EQ(span("start_time > '2026-03-31T12:00'").low, kNow.us);
  EXPECT_GT(span("start_time < 1e300").low, 8'000'000'000'000'000'000);
}

}  // namespace
}  // namespace millrace::search
