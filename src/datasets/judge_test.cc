#include "datasets/judge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "datasets/expectations.h"
#include "datasets/row_judge.h"

namespace millrace::datasets {
namespace {

const std::vector<ColumnSpec> kColumns{{"t", duck::Type::kTimestamp}, {"n", duck::Type::kBigint},
                                       {"x", duck::Type::kDouble},    {"s", duck::Type::kVarchar},
                                       {"b", duck::Type::kBoolean},   {"m", duck::Type::kBigint}};

// Five rows; n: 1 2 3 3 null, x: 0.5 1.5 2.5 3.5 100, s: ab cd "12" null "{}", m: 1 1 5 4 null.
constexpr const char* kRows = R"(
  create or replace temp table typed as
  select * from (values
    (timestamp '2001-01-01 00:00:00', 1::bigint, 0.5::double, 'ab', true, 1::bigint, 1::bigint),
    (timestamp '2001-01-02 00:00:00', 2, 1.5, 'cd', true, 1, 2),
    (timestamp '2001-01-03 00:00:00', 3, 2.5, '12', false, 5, 3),
    (timestamp '2001-01-04 00:00:00', 3, 3.5, null, true, 4, 4),
    (timestamp '2001-01-05 00:00:00', null, 100, '{}', true, null, 5)) t(t, n, x, s, b, m, "~row"))";

class JudgeTest : public ::testing::Test {
 protected:
  JudgeTest() : database_(MUST(duck::Database::open({.threads = 1}))), connection_(MUST(database_->connect())) {
    MUST(connection_.execute(kRows));
  }

  ExpectationPlan plan(const std::string& type, const std::string& kwargs, OnFailure on_failure = OnFailure::kWarn) {
    auto plan = plan_expectation({.type = type, .kwargs = kwargs, .on_failure = on_failure}, kColumns);
    if (!plan) die({Code::kInvalidArgument, plan.error()}, __FILE__, __LINE__);
    return *plan;
  }

  Judgement judge_all(const std::vector<ExpectationPlan>& plans) {
    DatasetSpec spec{.name = "d", .event_time = "t", .columns = kColumns};
    return MUST(judge(connection_, spec, plans));
  }

  Json result(const std::string& type, const std::string& kwargs) {
    return MUST(parse_json(judge_all({plan(type, kwargs)}).validation))["results"][0];
  }

  std::unique_ptr<duck::Database> database_;
  duck::Connection connection_;
};

TEST_F(JudgeTest, EveryExpectationJudges) {
  struct Case {
    const char* type;
    const char* passes;
    const char* fails;
  };
  const std::vector<Case> cases{
      {"expect_column_distinct_values_to_be_in_set", R"({"column":"n","value_set":[1,2,3,4]})",
       R"({"column":"n","value_set":[1,2]})"},
      {"expect_column_distinct_values_to_contain_set", R"({"column":"n","value_set":[1,3]})",
       R"({"column":"n","value_set":[1,9]})"},
      {"expect_column_distinct_values_to_equal_set", R"({"column":"n","value_set":[3,2,1]})",
       R"({"column":"n","value_set":[1,2,3,4]})"},
      {"expect_column_max_to_be_between", R"({"column":"x","max_value":100})",
       R"({"column":"x","max_value":100,"strict_max":true})"},
      {"expect_column_mean_to_be_between", R"({"column":"n","min_value":2.2,"max_value":2.3})",
       R"({"column":"n","min_value":3})"},
      {"expect_column_median_to_be_between", R"({"column":"x","min_value":2.5,"max_value":2.5})",
       R"({"column":"x","min_value":3})"},
      {"expect_column_min_to_be_between", R"({"column":"t","min_value":"2001-01-01"})",
       R"({"column":"t","min_value":"2001-01-02"})"},
      {"expect_column_most_common_value_to_be_in_set", R"({"column":"n","value_set":[3]})",
       R"({"column":"n","value_set":[1]})"},
      {"expect_column_pair_values_a_to_be_greater_than_b", R"({"column_A":"x","column_B":"n","mostly":0.2})",
       R"({"column_A":"x","column_B":"n"})"},
      {"expect_column_pair_values_to_be_equal", R"({"column_A":"n","column_B":"m","mostly":0.25})",
       R"({"column_A":"n","column_B":"m"})"},
      {"expect_column_pair_values_to_be_in_set",
       R"({"column_A":"n","column_B":"m","value_pairs_set":[[1,1],[2,1],[3,5],[3,4]]})",
       R"({"column_A":"n","column_B":"m","value_pairs_set":[[1,1]]})"},
      {"expect_column_proportion_of_unique_values_to_be_between", R"({"column":"n","min_value":0.75,"max_value":0.75})",
       R"({"column":"n","min_value":0.8})"},
      {"expect_column_quantile_values_to_be_between",
       R"({"column":"x","quantile_ranges":{"quantiles":[0.5,1.0],"value_ranges":[[2,3],[null,100]]}})",
       R"({"column":"x","quantile_ranges":{"quantiles":[0.5],"value_ranges":[[3,null]]}})"},
      {"expect_column_stdev_to_be_between", R"({"column":"n","min_value":0.95,"max_value":0.96})",
       R"({"column":"n","max_value":0.9})"},
      {"expect_column_sum_to_be_between", R"({"column":"n","min_value":9,"max_value":9})",
       R"({"column":"n","min_value":10})"},
      {"expect_column_to_exist", R"({"column":"n","column_index":1})", R"({"column":"nope"})"},
      {"expect_column_unique_value_count_to_be_between", R"({"column":"n","min_value":3,"max_value":3})",
       R"({"column":"n","min_value":4})"},
      {"expect_column_value_lengths_to_be_between", R"({"column":"s","min_value":2})",
       R"({"column":"s","max_value":1})"},
      {"expect_column_value_lengths_to_equal", R"({"column":"s","value":2})", R"({"column":"s","value":3})"},
      {"expect_column_value_z_scores_to_be_less_than", R"({"column":"x","threshold":3})",
       R"({"column":"x","threshold":1.5})"},
      {"expect_column_values_to_be_between", R"({"column":"n","min_value":1,"max_value":3})",
       R"({"column":"n","min_value":1,"strict_min":true})"},
      {"expect_column_values_to_be_dateutil_parseable", R"({"column":"s","mostly":0})", R"({"column":"s"})"},
      {"expect_column_values_to_be_decreasing", R"({"column":"n","mostly":0.5})", R"({"column":"n"})"},
      {"expect_column_values_to_be_in_set", R"({"column":"b","value_set":[true,false]})",
       R"({"column":"b","value_set":[true]})"},
      {"expect_column_values_to_be_in_type_list", R"({"column":"n","type_list":["INTEGER","str"]})",
       R"({"column":"n","type_list":["str"]})"},
      {"expect_column_values_to_be_increasing", R"({"column":"n"})", R"({"column":"n","strictly":true})"},
      {"expect_column_values_to_be_json_parseable", R"({"column":"s","mostly":0.5})", R"({"column":"s"})"},
      {"expect_column_values_to_be_null", R"({"column":"n","mostly":0.2})", R"({"column":"n"})"},
      {"expect_column_values_to_be_of_type", R"({"column":"x","type_":"float64"})",
       R"({"column":"x","type_":"int64"})"},
      {"expect_column_values_to_be_unique", R"({"column":"s"})", R"({"column":"n"})"},
      {"expect_column_values_to_match_like_pattern", R"({"column":"s","like_pattern":"__"})",
       R"({"column":"s","like_pattern":"a%"})"},
      {"expect_column_values_to_match_like_pattern_list", R"({"column":"s","like_pattern_list":["a%","c%","1%","{%"]})",
       R"({"column":"s","like_pattern_list":["a%","%b"],"match_on":"all"})"},
      {"expect_column_values_to_match_regex", R"({"column":"s","regex":"^..$"})", R"({"column":"s","regex":"[a-z]"})"},
      {"expect_column_values_to_match_regex_list", R"({"column":"s","regex_list":["[a-z]","[0-9]","}"]})",
       R"({"column":"s","regex_list":["[a-z]"]})"},
      {"expect_column_values_to_match_strftime_format", R"({"column":"s","strftime_format":"%d","mostly":0.25})",
       R"({"column":"s","strftime_format":"%Y"})"},
      {"expect_column_values_to_not_be_in_set", R"({"column":"s","value_set":["zz"]})",
       R"({"column":"s","value_set":["ab"]})"},
      {"expect_column_values_to_not_be_null", R"({"column":"x"})", R"({"column":"s"})"},
      {"expect_column_values_to_not_match_like_pattern", R"({"column":"s","like_pattern":"z%"})",
       R"({"column":"s","like_pattern":"a%"})"},
      {"expect_column_values_to_not_match_like_pattern_list", R"({"column":"s","like_pattern_list":["z%"]})",
       R"({"column":"s","like_pattern_list":["z%","a%"]})"},
      {"expect_column_values_to_not_match_regex", R"({"column":"s","regex":"z"})", R"({"column":"s","regex":"a"})"},
      {"expect_column_values_to_not_match_regex_list", R"({"column":"s","regex_list":["z","y"]})",
       R"({"column":"s","regex_list":["z","a"]})"},
      {"expect_compound_columns_to_be_unique", R"({"column_list":["n","m"]})", R"({"column_list":["m","b"]})"},
      {"expect_multicolumn_sum_to_equal", R"({"column_list":["n","m"],"sum_total":3,"mostly":0.2})",
       R"({"column_list":["n","m"],"sum_total":3})"},
      {"expect_multicolumn_values_to_be_unique", R"({"column_list":["n","m"],"mostly":0.75})",
       R"({"column_list":["n","m"]})"},
      {"expect_select_column_values_to_be_unique_within_record", R"({"column_list":["n","m"],"mostly":0.75})",
       R"({"column_list":["n","m"]})"},
      {"expect_table_column_count_to_be_between", R"({"min_value":6,"max_value":6})", R"({"min_value":7})"},
      {"expect_table_column_count_to_equal", R"({"value":6})", R"({"value":5})"},
      {"expect_table_columns_to_match_ordered_list", R"({"column_list":["t","n","x","s","b","m"]})",
       R"({"column_list":["n","t","x","s","b","m"]})"},
      {"expect_table_columns_to_match_set", R"({"column_set":["n","t"],"exact_match":false})",
       R"({"column_set":["n","t"]})"},
      {"expect_table_row_count_to_be_between", R"({"min_value":5,"max_value":5})", R"({"min_value":6})"},
      {"expect_table_row_count_to_equal", R"({"value":5})", R"({"value":4})"},
  };
  std::vector<std::string> names;
  std::vector<ExpectationPlan> plans;
  for (const Case& c : cases) {
    names.emplace_back(c.type);
    plans.push_back(plan(c.type, c.passes));
    plans.push_back(plan(c.type, c.fails));
  }
  const Json results = MUST(parse_json(judge_all(plans).validation))["results"];
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i]["success"].get<bool>(), i % 2 == 0) << results[i].dump();
  }
  EXPECT_EQ(names, expectation_names());
}

TEST_F(JudgeTest, ResultsHaveGreatExpectationsShape) {
  const Json map = result("expect_column_values_to_be_between", R"({"column":"n","max_value":2})");
  EXPECT_EQ(map["expectation_config"]["type"], "expect_column_values_to_be_between");
  EXPECT_EQ(map["expectation_config"]["kwargs"]["column"], "n");
  const Json expected{{"element_count", 5},
                      {"missing_count", 1},
                      {"missing_percent", 20.0},
                      {"unexpected_count", 2},
                      {"unexpected_percent", 50.0},
                      {"unexpected_percent_total", 40.0},
                      {"unexpected_percent_nonmissing", 50.0},
                      {"partial_unexpected_list", {3, 3}}};
  EXPECT_EQ(map["result"], expected);
  EXPECT_EQ(result("expect_column_mean_to_be_between", R"({"column":"n","min_value":0})")["result"]["observed_value"],
            2.25);
  EXPECT_EQ(result("expect_column_distinct_values_to_be_in_set",
                   R"({"column":"n","value_set":[1]})")["result"]["observed_value"],
            Json({1, 2, 3}));
}

TEST_F(JudgeTest, QuarantinedRowsAreSetAsideAndOthersJudgedWithoutThem) {
  const Judgement judgement =
      judge_all({plan("expect_column_values_to_be_between", R"({"column":"x","max_value":3})", OnFailure::kQuarantine),
                 plan("expect_column_values_to_not_be_null", R"({"column":"s"})", OnFailure::kQuarantine),
                 plan("expect_column_max_to_be_between", R"({"column":"x","max_value":3})", OnFailure::kReject)});
  EXPECT_EQ(judgement.rows, 5);
  EXPECT_EQ(judgement.kept, 3);
  EXPECT_EQ(judgement.quarantined, 2);
  EXPECT_TRUE(judgement.rejected_by.empty());
  const duck::Table aside = MUST(connection_.query("select \"~reason\", \"~row\" from set_aside order by 2"));
  EXPECT_EQ(aside.columns[0].strings,
            (std::vector<std::string>{"expect_column_values_to_be_between(x); expect_column_values_to_not_be_null(s)",
                                      "expect_column_values_to_be_between(x)"}));
}

TEST_F(JudgeTest, TooManyQuarantinedRowsRefuseTheBatch) {
  const Judgement judgement = judge_all({plan("expect_column_values_to_be_between",
                                              R"({"column":"x","max_value":1,"mostly":0.9})", OnFailure::kQuarantine)});
  ASSERT_EQ(judgement.rejected_by.size(), 1u);
  EXPECT_EQ(judgement.rejected_by[0], "expect_column_values_to_be_between(x): 4 of 5 rows are unexpected, e.g. 1.5");
}

TEST_F(JudgeTest, PushedRowsAreJudgedAsBatchesAre) {
  const duck::Table rows = MUST(connection_.query("select t, n, x, s, b, m from typed order by \"~row\""));
  for (const std::string& name : expectation_names()) {
    for (const char* kwargs :
         {R"({"column":"n","max_value":2})", R"({"column":"s","regex":"[a-z]"})", R"({"column":"n","value_set":[1,3]})",
          R"({"column":"s","like_pattern":"a%"})", R"({"column":"s"})", R"({"column_A":"x","column_B":"n"})",
          R"({"column_list":["n","m"]})", R"({"column":"s","min_value":2,"max_value":2})",
          R"({"column":"s","regex_list":["[a-z]","1"]})", R"({"column":"s","strftime_format":"%d"})"}) {
      const auto plan =
          plan_expectation({.type = name, .kwargs = kwargs, .on_failure = OnFailure::kQuarantine}, kColumns);
      if (!plan) continue;
      const Judgement batch = judge_all({*plan});
      RowJudge judge(rows.types(), {*plan});
      const auto good = MUST(judge.judge(rows, *database_));
      EXPECT_EQ(std::ranges::count(good, 1), batch.kept) << name << " " << kwargs;
    }
  }
}

}  // namespace
}  // namespace millrace::datasets
