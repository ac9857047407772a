#include "datasets/expectations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/suggest.h"
#include "datasets/expectation_plan.h"
#include "datasets/kwargs.h"
#include "duck/quote.h"

namespace millrace::datasets {
namespace {

using Plan = std::variant<MapPlan, AggregatePlan, FixedPlan>;
using Columns = std::vector<const ColumnSpec*>;

std::string sql_name(const ColumnSpec& column) { return duck::quote_identifier(column.name); }

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

Plan map_of(const ColumnSpec& column, std::string verdict) {
  return MapPlan{.verdict = std::move(verdict), .missing = sql_name(column) + " is null", .value = sql_name(column)};
}

// One whose verdict needs the other rows: nulls have to be left out by hand.
Plan window_map(const ColumnSpec& column, const std::string& verdict) {
  const std::string name = sql_name(column);
  return MapPlan{.verdict = fmt::format("case when {} is null then null else {} end", name, verdict),
                 .missing = name + " is null",
                 .value = name,
                 .row_level = false};
}

void require_number(Kwargs& kwargs, const ColumnSpec& column) {
  if (column.type == duck::Type::kBigint || column.type == duck::Type::kDouble) return;
  kwargs.fault(
      fmt::format("column {} must be a bigint or double, not a {}", column.name, duck::type_name(column.type)));
}

void require_text(Kwargs& kwargs, const ColumnSpec& column) {
  if (column.type == duck::Type::kVarchar) return;
  kwargs.fault(fmt::format("column {} must be a varchar, not a {}", column.name, duck::type_name(column.type)));
}

// min_value, max_value, strict_min, strict_max of `value`, which has this type.
std::string range(Kwargs& kwargs, const std::string& value, duck::Type type) {
  const auto low = kwargs.literal("min_value", type);
  const auto high = kwargs.literal("max_value", type);
  const bool strict_low = kwargs.flag("strict_min", false);
  const bool strict_high = kwargs.flag("strict_max", false);
  if (!low && !high) kwargs.fault("min_value or max_value is missing");
  std::vector<std::string> parts;
  if (low) parts.push_back(fmt::format("{} {} {}", value, strict_low ? ">" : ">=", *low));
  if (high) parts.push_back(fmt::format("{} {} {}", value, strict_high ? "<" : "<=", *high));
  return joined(parts, " and ");
}

std::string set_of(Kwargs& kwargs, duck::Type type, std::string_view key = "value_set") {
  std::vector<std::string> values;
  for (const Json& value : kwargs.list(key)) values.push_back(kwargs.literal_of(key, value, type));
  return "(" + joined(values, ", ") + ")";
}

Plan between(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return map_of(column, range(kwargs, sql_name(column), column.type));
}
Plan in_set(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return map_of(column, sql_name(column) + " in " + set_of(kwargs, column.type));
}
Plan not_in_set(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return map_of(column, sql_name(column) + " not in " + set_of(kwargs, column.type));
}
Plan be_null(Kwargs& kwargs) {
  const std::string name = sql_name(kwargs.column());
  return MapPlan{.verdict = name + " is null", .missing = "false", .value = name};
}
Plan not_be_null(Kwargs& kwargs) {
  const std::string name = sql_name(kwargs.column());
  return MapPlan{.verdict = name + " is not null", .missing = "false", .value = name};
}

Plan be_unique(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return window_map(column, fmt::format("count(*) over (partition by {}) = 1", sql_name(column)));
}

Plan monotonic(Kwargs& kwargs, std::string_view comparison) {
  const ColumnSpec& column = kwargs.column();
  const std::string equal = kwargs.flag("strictly", false) ? "" : "=";
  return window_map(column, fmt::format("coalesce({0} {1}{2} lag({0} ignore nulls) over (order by \"~row\"), true)",
                                        sql_name(column), comparison, equal));
}
Plan increasing(Kwargs& kwargs) { return monotonic(kwargs, ">"); }
Plan decreasing(Kwargs& kwargs) { return monotonic(kwargs, "<"); }

Plan z_scores(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  require_number(kwargs, column);
  const auto threshold = kwargs.number("threshold");
  if (!threshold) kwargs.fault("threshold is missing");
  const bool both = kwargs.flag("double_sided", true);
  const std::string z = fmt::format("({0} - avg({0}) over ()) / stddev_samp({0}) over ()", sql_name(column));
  return window_map(column,
                    fmt::format("coalesce({} < {:e}, true)", both ? "abs(" + z + ")" : z, threshold.value_or(0)));
}

bool is_type(const std::string& name, duck::Type type) {
  static const std::vector<std::pair<duck::Type, std::vector<std::string>>> kAliases{
      {duck::Type::kBoolean, {"boolean", "bool", "BOOLEAN", "BOOL"}},
      {duck::Type::kBigint,
       {"bigint", "int", "integer", "int64", "long", "BIGINT", "INTEGER", "INT", "LongType", "IntegerType"}},
      {duck::Type::kDouble, {"double", "float", "float64", "DOUBLE", "FLOAT", "REAL", "DoubleType", "FloatType"}},
      {duck::Type::kVarchar, {"varchar", "str", "string", "object", "text", "VARCHAR", "TEXT", "STRING", "StringType"}},
      {duck::Type::kTimestamp,
       {"timestamp", "datetime", "datetime64", "datetime64[ns]", "TIMESTAMP", "DATETIME", "TimestampType"}}};
  const auto& names = kAliases[static_cast<std::size_t>(type)].second;
  return std::ranges::find(names, name) != names.end();
}

Plan type_plan(const ColumnSpec& column, const std::vector<std::string>& names) {
  const bool success = std::ranges::any_of(names, [&](const std::string& name) { return is_type(name, column.type); });
  return FixedPlan{success, dump_json(std::string(duck::type_name(column.type)))};
}
Plan of_type(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return type_plan(column, {kwargs.text("type_")});
}
Plan in_type_list(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return type_plan(column, kwargs.texts("type_list"));
}

Plan text_map(Kwargs& kwargs, const ColumnSpec& column, std::string verdict) {
  require_text(kwargs, column);
  return map_of(column, std::move(verdict));
}
Plan dateutil_parseable(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  const std::string name = sql_name(column);
  return text_map(kwargs, column,
                  fmt::format("case when {0} is not null then try_cast({0} as timestamp) is not null end", name));
}
Plan json_parseable(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return text_map(kwargs, column, "json_valid(" + sql_name(column) + ")");
}
Plan strftime_format(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  const std::string format = duck::quote_literal(kwargs.text("strftime_format"));
  return text_map(
      kwargs, column,
      fmt::format("case when {0} is not null then try_strptime({0}, {1}) is not null end", sql_name(column), format));
}

std::string regex_test(const ColumnSpec& column, const std::string& regex) {
  return fmt::format("regexp_matches({}, {})", sql_name(column), duck::quote_literal(regex));
}
std::string like_test(const ColumnSpec& column, const std::string& pattern) {
  return fmt::format("{} like {}", sql_name(column), duck::quote_literal(pattern));
}
using Test = std::string (*)(const ColumnSpec&, const std::string&);

Plan matches(Kwargs& kwargs, std::string_view key, Test test) {
  const ColumnSpec& column = kwargs.column();
  return text_map(kwargs, column, test(column, kwargs.text(key)));
}
Plan matches_not(Kwargs& kwargs, std::string_view key, Test test) {
  const ColumnSpec& column = kwargs.column();
  return text_map(kwargs, column, "not (" + test(column, kwargs.text(key)) + ")");
}
std::vector<std::string> tests(Kwargs& kwargs, const ColumnSpec& column, std::string_view key, Test test) {
  std::vector<std::string> parts;
  for (const std::string& pattern : kwargs.texts(key)) parts.push_back(test(column, pattern));
  return parts;
}
Plan matches_list(Kwargs& kwargs, std::string_view key, Test test) {
  const ColumnSpec& column = kwargs.column();
  const std::string on = kwargs.optional_text("match_on").value_or("any");
  if (on != "any" && on != "all") kwargs.fault("match_on must be any or all");
  return text_map(kwargs, column, joined(tests(kwargs, column, key, test), on == "any" ? " or " : " and "));
}
Plan matches_none(Kwargs& kwargs, std::string_view key, Test test) {
  const ColumnSpec& column = kwargs.column();
  return text_map(kwargs, column, "not (" + joined(tests(kwargs, column, key, test), " or ") + ")");
}
Plan match_regex(Kwargs& kwargs) { return matches(kwargs, "regex", regex_test); }
Plan not_match_regex(Kwargs& kwargs) { return matches_not(kwargs, "regex", regex_test); }
Plan match_regex_list(Kwargs& kwargs) { return matches_list(kwargs, "regex_list", regex_test); }
Plan not_match_regex_list(Kwargs& kwargs) { return matches_none(kwargs, "regex_list", regex_test); }
Plan match_like(Kwargs& kwargs) { return matches(kwargs, "like_pattern", like_test); }
Plan not_match_like(Kwargs& kwargs) { return matches_not(kwargs, "like_pattern", like_test); }
Plan match_like_list(Kwargs& kwargs) { return matches_list(kwargs, "like_pattern_list", like_test); }
Plan not_match_like_list(Kwargs& kwargs) { return matches_none(kwargs, "like_pattern_list", like_test); }

Plan lengths_between(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return text_map(kwargs, column, range(kwargs, "length(" + sql_name(column) + ")", duck::Type::kBigint));
}
Plan lengths_equal(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  const auto length = kwargs.integer("value");
  if (!length) kwargs.fault("value is missing");
  return text_map(kwargs, column, fmt::format("length({}) = {}", sql_name(column), length.value_or(0)));
}

// An aggregate whose value must lie in a range.
Plan aggregate_range(Kwargs& kwargs, const std::string& value, duck::Type type) {
  return AggregatePlan{.success = range(kwargs, value, type), .observed = value};
}
Plan of_own_type(Kwargs& kwargs, std::string_view function) {
  const ColumnSpec& column = kwargs.column();
  return aggregate_range(kwargs, fmt::format("{}({})", function, sql_name(column)), column.type);
}
Plan of_numbers(Kwargs& kwargs, std::string_view function) {
  const ColumnSpec& column = kwargs.column();
  require_number(kwargs, column);
  return aggregate_range(kwargs, fmt::format("{}({})", function, sql_name(column)), duck::Type::kDouble);
}
Plan maximum(Kwargs& kwargs) { return of_own_type(kwargs, "max"); }
Plan minimum(Kwargs& kwargs) { return of_own_type(kwargs, "min"); }
Plan mean(Kwargs& kwargs) { return of_numbers(kwargs, "avg"); }
Plan median(Kwargs& kwargs) { return of_numbers(kwargs, "median"); }
Plan stdev(Kwargs& kwargs) { return of_numbers(kwargs, "stddev_samp"); }
Plan sum(Kwargs& kwargs) { return of_numbers(kwargs, "sum"); }

Plan unique_count(Kwargs& kwargs) {
  return aggregate_range(kwargs, fmt::format("count(distinct {})", sql_name(kwargs.column())), duck::Type::kBigint);
}
Plan proportion_unique(Kwargs& kwargs) {
  const std::string name = sql_name(kwargs.column());
  return aggregate_range(kwargs, fmt::format("count(distinct {0}) / nullif(count({0}), 0)", name), duck::Type::kDouble);
}

// quantile_ranges: {quantiles: [0.1, 0.5], value_ranges: [[0, 1], [null, 9]]}
Plan quantiles(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  require_number(kwargs, column);
  kwargs.flag("allow_relative_error", false);
  const Json& ranges = kwargs.object("quantile_ranges");
  std::vector<std::string> values;
  std::vector<std::string> tests;
  const auto quantile = ranges.find("quantiles");
  const auto bounds = ranges.find("value_ranges");
  const bool complete = quantile != ranges.end() && bounds != ranges.end() && quantile->is_array() &&
                        bounds->is_array() && quantile->size() == bounds->size() && !quantile->empty();
  if (!complete) kwargs.fault("quantile_ranges needs quantiles and value_ranges, two lists of one length");
  for (std::size_t i = 0; complete && i < quantile->size(); ++i) {
    const Json& pair = (*bounds)[i];
    if (!(*quantile)[i].is_number() || !pair.is_array() || pair.size() != 2) {
      kwargs.fault("quantile_ranges holds numbers and pairs of numbers");
      break;
    }
    values.push_back(fmt::format("quantile_disc({}, {})", sql_name(column), (*quantile)[i].get<double>()));
    if (pair[0].is_number()) tests.push_back(values.back() + " >= " + number_literal(pair[0]));
    if (pair[1].is_number()) tests.push_back(values.back() + " <= " + number_literal(pair[1]));
  }
  return AggregatePlan{.success = tests.empty() ? "true" : joined(tests, " and "),
                       .observed = "to_json([" + joined(values, ", ") + "])::varchar",
                       .observed_is_json = true};
}

Plan most_common(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  kwargs.flag("ties_okay", false);
  const std::string name = sql_name(column);
  return AggregatePlan{.success = fmt::format("mode({}) in {}", name, set_of(kwargs, column.type)),
                       .observed = fmt::format("mode({})", name)};
}

// The distinct values, at most 100 of them, in order.
std::string distinct_values(const std::string& name) {
  return fmt::format("to_json(list_sort(list(distinct {0}) filter ({0} is not null))[1:100])::varchar", name);
}
Plan distinct_in_set(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  const std::string name = sql_name(column);
  return AggregatePlan{.success = fmt::format("count(*) filter ({} not in {}) = 0", name, set_of(kwargs, column.type)),
                       .observed = distinct_values(name),
                       .observed_is_json = true};
}
std::string contains_set(Kwargs& kwargs, const ColumnSpec& column) {
  const std::string set = set_of(kwargs, column.type);
  return fmt::format("count(distinct {0}) filter ({0} in {1}) = len(list_distinct([{2}]))", sql_name(column), set,
                     set.substr(1, set.size() - 2));
}
Plan distinct_contain_set(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  return AggregatePlan{
      .success = contains_set(kwargs, column), .observed = distinct_values(sql_name(column)), .observed_is_json = true};
}
Plan distinct_equal_set(Kwargs& kwargs) {
  const ColumnSpec& column = kwargs.column();
  const std::string outside =
      fmt::format("count(*) filter ({} not in {}) = 0", sql_name(column), set_of(kwargs, column.type));
  return AggregatePlan{.success = contains_set(kwargs, column) + " and " + outside,
                       .observed = distinct_values(sql_name(column)),
                       .observed_is_json = true};
}

Plan row_count_between(Kwargs& kwargs) { return aggregate_range(kwargs, "count(*)", duck::Type::kBigint); }
Plan row_count_equal(Kwargs& kwargs) {
  const auto value = kwargs.integer("value");
  if (!value) kwargs.fault("value is missing");
  return AggregatePlan{.success = fmt::format("count(*) = {}", value.value_or(0)), .observed = "count(*)"};
}

Plan column_count_between(Kwargs& kwargs) {
  const auto low = kwargs.integer("min_value");
  const auto high = kwargs.integer("max_value");
  const auto count = static_cast<std::int64_t>(kwargs.columns().size());
  if (!low && !high) kwargs.fault("min_value or max_value is missing");
  return FixedPlan{count >= low.value_or(count) && count <= high.value_or(count), std::to_string(count)};
}
Plan column_count_equal(Kwargs& kwargs) {
  const auto value = kwargs.integer("value");
  if (!value) kwargs.fault("value is missing");
  return FixedPlan{static_cast<std::int64_t>(kwargs.columns().size()) == value,
                   std::to_string(kwargs.columns().size())};
}

std::vector<std::string> column_names(const Kwargs& kwargs) {
  std::vector<std::string> names;
  for (const ColumnSpec& column : kwargs.columns()) names.push_back(column.name);
  return names;
}
Plan ordered_list(Kwargs& kwargs) {
  const std::vector<std::string> names = column_names(kwargs);
  return FixedPlan{kwargs.texts("column_list") == names, dump_json(names)};
}
Plan match_set(Kwargs& kwargs) {
  std::vector<std::string> names = column_names(kwargs);
  const std::string observed = dump_json(names);
  std::vector<std::string> wanted = kwargs.texts("column_set");
  const bool exact = kwargs.flag("exact_match", true);
  std::ranges::sort(names);
  std::ranges::sort(wanted);
  return FixedPlan{exact ? names == wanted : std::ranges::includes(names, wanted), observed};
}
Plan column_to_exist(Kwargs& kwargs) {
  const std::string name = kwargs.text("column");
  const auto index = kwargs.integer("column_index");
  const std::vector<std::string> names = column_names(kwargs);
  const auto found = std::ranges::find(names, name);
  return FixedPlan{found != names.end() && (!index || found - names.begin() == *index), dump_json(names)};
}

// What a row with nulls among these columns counts as; GX's ignore_row_if.
std::string missing_rows(Kwargs& kwargs, const Columns& columns, std::string_view all, std::string_view any) {
  std::vector<std::string> nulls;
  for (const ColumnSpec* column : columns) nulls.push_back(sql_name(*column) + " is null");
  const std::string rule = kwargs.optional_text("ignore_row_if").value_or(std::string(all));
  if (rule == all) return joined(nulls, " and ");
  if (rule == any) return joined(nulls, " or ");
  if (rule != "never") kwargs.fault(fmt::format("ignore_row_if must be {}, {} or never", all, any));
  return "false";
}

std::string shown(const Columns& columns) {
  std::vector<std::string> names;
  for (const ColumnSpec* column : columns) names.push_back(sql_name(*column));
  return "to_json([" + joined(names, "::varchar, ") + "::varchar])";
}

Plan multi_map(const Columns& columns, const std::string& missing, const std::string& verdict, bool row_level = true) {
  return MapPlan{.verdict = fmt::format("case when {} then null else coalesce({}, false) end", missing, verdict),
                 .missing = missing,
                 .value = shown(columns),
                 .row_level = row_level};
}

Plan pair_plan(Kwargs& kwargs, const ColumnSpec& a, const ColumnSpec& b, const std::string& verdict) {
  const std::string missing = missing_rows(kwargs, {&a, &b}, "both_values_are_missing", "either_value_is_missing");
  return multi_map({&a, &b}, missing, verdict);
}
Plan pair_greater(Kwargs& kwargs) {
  const ColumnSpec& a = kwargs.column("column_A");
  const ColumnSpec& b = kwargs.column("column_B");
  const std::string_view comparison = kwargs.flag("or_equal", false) ? ">=" : ">";
  return pair_plan(kwargs, a, b, fmt::format("{} {} {}", sql_name(a), comparison, sql_name(b)));
}
Plan pair_equal(Kwargs& kwargs) {
  const ColumnSpec& a = kwargs.column("column_A");
  const ColumnSpec& b = kwargs.column("column_B");
  return pair_plan(kwargs, a, b, sql_name(a) + " = " + sql_name(b));
}
Plan pair_in_set(Kwargs& kwargs) {
  const ColumnSpec& a = kwargs.column("column_A");
  const ColumnSpec& b = kwargs.column("column_B");
  std::vector<std::string> tests;
  for (const Json& pair : kwargs.list("value_pairs_set")) {
    if (!pair.is_array() || pair.size() != 2) {
      kwargs.fault("value_pairs_set is a list of pairs");
      break;
    }
    tests.push_back(fmt::format("({} = {} and {} = {})", sql_name(a),
                                kwargs.literal_of("value_pairs_set", pair[0], a.type), sql_name(b),
                                kwargs.literal_of("value_pairs_set", pair[1], b.type)));
  }
  return pair_plan(kwargs, a, b, "(" + joined(tests, " or ") + ")");
}

Plan compound_unique(Kwargs& kwargs) {
  const Columns columns = kwargs.column_list("column_list");
  std::vector<std::string> names;
  for (const ColumnSpec* column : columns) names.push_back(sql_name(*column));
  const std::string missing = missing_rows(kwargs, columns, "all_values_are_missing", "any_value_is_missing");
  return multi_map(columns, missing, fmt::format("count(*) over (partition by {}) = 1", joined(names, ", ")), false);
}
Plan unique_within_record(Kwargs& kwargs) {
  const Columns columns = kwargs.column_list("column_list");
  std::vector<std::string> tests;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::size_t j = i + 1; j < columns.size(); ++j) {
      tests.push_back(fmt::format("{} <> {}", sql_name(*columns[i]), sql_name(*columns[j])));
    }
  }
  const std::string missing = missing_rows(kwargs, columns, "all_values_are_missing", "any_value_is_missing");
  return multi_map(columns, missing, "(" + joined(tests, " and ") + ")");
}
Plan sum_equal(Kwargs& kwargs) {
  const Columns columns = kwargs.column_list("column_list");
  std::vector<std::string> names;
  for (const ColumnSpec* column : columns) {
    require_number(kwargs, *column);
    names.push_back(sql_name(*column));
  }
  const auto total = kwargs.literal("sum_total", duck::Type::kDouble);
  if (!total) kwargs.fault("sum_total is missing");
  const std::string missing = missing_rows(kwargs, columns, "all_values_are_missing", "any_value_is_missing");
  return multi_map(columns, missing, fmt::format("{} = {}", joined(names, " + "), total.value_or("0")));
}

struct Rule {
  std::string_view name;
  Plan (*plan)(Kwargs&);
};

constexpr Rule kRules[] = {
    {"expect_column_distinct_values_to_be_in_set", distinct_in_set},
    {"expect_column_distinct_values_to_contain_set", distinct_contain_set},
    {"expect_column_distinct_values_to_equal_set", distinct_equal_set},
    {"expect_column_max_to_be_between", maximum},
    {"expect_column_mean_to_be_between", mean},
    {"expect_column_median_to_be_between", median},
    {"expect_column_min_to_be_between", minimum},
    {"expect_column_most_common_value_to_be_in_set", most_common},
    {"expect_column_pair_values_a_to_be_greater_than_b", pair_greater},
    {"expect_column_pair_values_to_be_equal", pair_equal},
    {"expect_column_pair_values_to_be_in_set", pair_in_set},
    {"expect_column_proportion_of_unique_values_to_be_between", proportion_unique},
    {"expect_column_quantile_values_to_be_between", quantiles},
    {"expect_column_stdev_to_be_between", stdev},
    {"expect_column_sum_to_be_between", sum},
    {"expect_column_to_exist", column_to_exist},
    {"expect_column_unique_value_count_to_be_between", unique_count},
    {"expect_column_value_lengths_to_be_between", lengths_between},
    {"expect_column_value_lengths_to_equal", lengths_equal},
    {"expect_column_value_z_scores_to_be_less_than", z_scores},
    {"expect_column_values_to_be_between", between},
    {"expect_column_values_to_be_dateutil_parseable", dateutil_parseable},
    {"expect_column_values_to_be_decreasing", decreasing},
    {"expect_column_values_to_be_in_set", in_set},
    {"expect_column_values_to_be_in_type_list", in_type_list},
    {"expect_column_values_to_be_increasing", increasing},
    {"expect_column_values_to_be_json_parseable", json_parseable},
    {"expect_column_values_to_be_null", be_null},
    {"expect_column_values_to_be_of_type", of_type},
    {"expect_column_values_to_be_unique", be_unique},
    {"expect_column_values_to_match_like_pattern", match_like},
    {"expect_column_values_to_match_like_pattern_list", match_like_list},
    {"expect_column_values_to_match_regex", match_regex},
    {"expect_column_values_to_match_regex_list", match_regex_list},
    {"expect_column_values_to_match_strftime_format", strftime_format},
    {"expect_column_values_to_not_be_in_set", not_in_set},
    {"expect_column_values_to_not_be_null", not_be_null},
    {"expect_column_values_to_not_match_like_pattern", not_match_like},
    {"expect_column_values_to_not_match_like_pattern_list", not_match_like_list},
    {"expect_column_values_to_not_match_regex", not_match_regex},
    {"expect_column_values_to_not_match_regex_list", not_match_regex_list},
    {"expect_compound_columns_to_be_unique", compound_unique},
    {"expect_multicolumn_sum_to_equal", sum_equal},
    {"expect_multicolumn_values_to_be_unique", unique_within_record},
    {"expect_select_column_values_to_be_unique_within_record", unique_within_record},
    {"expect_table_column_count_to_be_between", column_count_between},
    {"expect_table_column_count_to_equal", column_count_equal},
    {"expect_table_columns_to_match_ordered_list", ordered_list},
    {"expect_table_columns_to_match_set", match_set},
    {"expect_table_row_count_to_be_between", row_count_between},
    {"expect_table_row_count_to_equal", row_count_equal},
};

std::string label_of(const std::string& type, const Json& kwargs) {
  for (const char* key : {"column", "column_list"}) {
    const auto found = kwargs.find(key);
    if (found != kwargs.end() && found->is_string()) return fmt::format("{}({})", type, found->get<std::string>());
    if (found != kwargs.end()) return fmt::format("{}({})", type, dump_json(*found));
  }
  if (kwargs.contains("column_A") && kwargs.contains("column_B")) {
    return fmt::format("{}({}, {})", type, dump_json(kwargs["column_A"]), dump_json(kwargs["column_B"]));
  }
  return type;
}

void read_mostly(Kwargs& kwargs, ExpectationPlan& plan) {
  const auto mostly = plan.map() != nullptr ? kwargs.number("mostly") : std::nullopt;
  if (!mostly) return;
  if (*mostly < 0 || *mostly > 1) kwargs.fault("mostly must be between 0 and 1");
  plan.mostly = *mostly;
  plan.has_mostly = true;
}

}  // namespace

const std::vector<std::string>& expectation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Rule& rule : kRules) list.emplace_back(rule.name);
    return list;
  }();
  return names;
}

std::expected<ExpectationPlan, std::string> plan_expectation(const ExpectationSpec& spec,
                                                             const std::vector<ColumnSpec>& columns) {
  const auto rule = std::ranges::find(kRules, spec.type, &Rule::name);
  if (rule == std::end(kRules)) {
    return std::unexpected(
        fmt::format("unknown expectation \"{}\"{}", spec.type, did_you_mean(spec.type, expectation_names())));
  }
  const Result<Json> json = parse_json(spec.kwargs);
  if (!json || !json->is_object()) return std::unexpected(fmt::format("{}: kwargs must be a mapping", spec.type));
  Kwargs kwargs(*json, columns);
  ExpectationPlan plan{.spec = spec, .label = label_of(spec.type, *json), .plan = rule->plan(kwargs)};
  read_mostly(kwargs, plan);
  if (spec.on_failure == OnFailure::kQuarantine && (plan.map() == nullptr || !plan.map()->row_level)) {
    kwargs.fault("it does not judge rows one by one, so that it cannot quarantine; use reject or warn");
  }
  if (const auto fault = kwargs.finish()) return std::unexpected(fmt::format("{}: {}", spec.type, *fault));
  return plan;
}

void check_expectation(const ExpectationSpec& expectation, const std::vector<ColumnSpec>& columns,
                       Diagnostics& diagnostics) {
  const auto plan = plan_expectation(expectation, columns);
  if (!plan) diagnostics.add(expectation.at, plan.error());
}

}  // namespace millrace::datasets
