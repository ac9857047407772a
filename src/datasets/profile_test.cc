#include "datasets/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

namespace millrace::datasets {
namespace {

duck::Table table(const std::vector<std::optional<double>>& numbers, const std::vector<std::string>& texts) {
  duck::Table table =
      duck::Table::of({{"x", duck::Type::kDouble}, {"n", duck::Type::kBigint}, {"s", duck::Type::kVarchar}});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] ? table.columns[0].append_double(*numbers[i]) : table.columns[0].append_null();
    table.columns[1].append_int(static_cast<std::int64_t>(i));
    table.columns[2].append_string(texts[i % texts.size()]);
    ++table.rows;
  }
  return table;
}

Json profile(const duck::Table& rows) {
  Profile profile(rows.types());
  profile.add(rows);
  return MUST(parse_json(profile.report()));
}

TEST(Profile, NumbersAreDescribed) {
  const Json x = profile(table({1.0, 2.0, std::nullopt, 4.0, 9.0}, {"a"}))["columns"]["x"];
  EXPECT_EQ(x["count"], 4);
  EXPECT_EQ(x["nulls"], 1);
  EXPECT_EQ(x["min"], 1.0);
  EXPECT_EQ(x["max"], 9.0);
  EXPECT_EQ(x["mean"], 4.0);
  EXPECT_NEAR(x["std"].get<double>(), std::sqrt(38.0 / 3), 1e-12);
  EXPECT_EQ(x["distinct"], 4);
}

TEST(Profile, TextsAreCounted) {
  const Json s = profile(table(std::vector<std::optional<double>>(10, 1.0), {"b", "a", "b"}))["columns"]["s"];
  EXPECT_EQ(s["top"][0]["value"], "b");
  EXPECT_EQ(s["top"][0]["count"], 7);
  EXPECT_EQ(s["min"], "a");
  EXPECT_EQ(s["other"], 0);
}

TEST(Profile, HistogramHoldsEveryValueInAtMostTwentyBins) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(5, 300);
  for (const double scale : {1e-9, 1.0, 1e12}) {
    DyadicHistogram histogram;
    std::vector<double> values;
    for (int i = 0; i < 5000; ++i) histogram.add(values.emplace_back(normal(random) * scale));
    const Json report = histogram.report();
    const auto edges = report["edges"].get<std::vector<double>>();
    const auto counts = report["counts"].get<std::vector<std::int64_t>>();
    ASSERT_EQ(edges.size(), counts.size() + 1);
    EXPECT_LE(counts.size(), 20u);
    EXPECT_GE(counts.size(), 10u);
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
      const auto in = std::ranges::count_if(values, [&](double v) { return v >= edges[bin] && v < edges[bin + 1]; });
      EXPECT_EQ(in, counts[bin]);
    }
  }
}

TEST(Profile, HistogramDoesNotDependOnTheOrder) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> values;
    const int exponent = static_cast<int>(random() % 200) - 100;
    for (int i = 0; i < 30; ++i)
      values.push_back(i % 7 == 0 ? 0.0 : std::ldexp(static_cast<double>(random() % 2000) - 1000, exponent));
    std::string first;
    for (int order = 0; order < 5; ++order) {
      DyadicHistogram histogram;
      for (const double value : values) histogram.add(value);
      const std::string report = dump_json(histogram.report());
      if (order == 0) first = report;
      EXPECT_EQ(report, first);
      std::ranges::shuffle(values, random);
    }
  }
}

TEST(Profile, PartsMergeToTheWhole) {
  std::mt19937_64 random(5);
  std::vector<std::optional<double>> values;
  for (int i = 0; i < 4000; ++i) {
    values.push_back(i % 17 == 0 ? std::nullopt : std::optional(std::exp(static_cast<double>(random() % 1000) / 100)));
  }
  values[100] = 0.0;
  values[3000] = -1e6;
  const duck::Table whole = table(values, {"a", "b", "c"});
  Profile parts(whole.types());
  for (std::size_t from = 0; from < values.size(); from += 1000) {
    duck::Table part =
        table({values.begin() + static_cast<long>(from), values.begin() + static_cast<long>(from) + 1000}, {"x"});
    part.columns[1].ints.assign(whole.columns[1].ints.begin() + static_cast<long>(from),
                                whole.columns[1].ints.begin() + static_cast<long>(from) + 1000);
    part.columns[2].strings.assign(whole.columns[2].strings.begin() + static_cast<long>(from),
                                   whole.columns[2].strings.begin() + static_cast<long>(from) + 1000);
    Profile profile(part.types());
    profile.add(part);
    parts.merge(MUST(Profile::of_state(profile.state())));
  }
  const Json merged = MUST(parse_json(parts.report()));
  const Json expected = profile(whole);
  EXPECT_EQ(merged["columns"]["x"]["histogram"], expected["columns"]["x"]["histogram"]);
  EXPECT_EQ(merged["columns"]["x"]["distinct"], expected["columns"]["x"]["distinct"]);
  EXPECT_EQ(merged["columns"]["n"]["distinct"], expected["columns"]["n"]["distinct"]);
  EXPECT_EQ(merged["columns"]["s"], expected["columns"]["s"]);
  EXPECT_NEAR(merged["columns"]["x"]["mean"].get<double>(), expected["columns"]["x"]["mean"].get<double>(), 1e-6);
  EXPECT_NEAR(merged["columns"]["x"]["std"].get<double>(), expected["columns"]["x"]["std"].get<double>(), 1e-6);
}

TEST(Profile, DistinctValuesAreEstimated) {
  for (const std::int64_t n : {1, 10, 500, 20'000, 300'000}) {
    duck::Table rows = duck::Table::of({{"n", duck::Type::kBigint}});
    for (std::int64_t i = 0; i < 2 * n; ++i) rows.columns[0].append_int(i % n);
    rows.rows = static_cast<std::size_t>(2 * n);
    const double estimate = profile(rows)["columns"]["n"]["distinct"];
    EXPECT_NEAR(estimate, static_cast<double>(n), 0.06 * static_cast<double>(n)) << n;
  }
}

}  // namespace
}  // namespace millrace::datasets
