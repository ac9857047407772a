// Drift and performance statistics against the numbers of scipy, scikit-learn and Evidently, which
// tests/reference/monitoring_fixtures.py wrote to testdata/statistics.json together with recipes of the columns.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "monitoring/distance.h"
#include "monitoring/drift.h"
#include "monitoring/kolmogorov.h"
#include "monitoring/performance.h"

namespace millrace::monitoring {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Json& fixtures() {
  static const Json json =
      MUST(parse_json(MUST(read_file(MILLRACE_SOURCE_DIR "/src/monitoring/testdata/statistics.json"))));
  return json;
}

std::vector<double> splitmix(std::uint64_t seed, std::size_t count) {
  std::vector<double> out(count);
  for (double& value : out) {
    seed += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    value = static_cast<double>(z >> 11) * 0x1p-53;
  }
  return out;
}

// The column of a recipe, as monitoring_fixtures.py's column() makes it.
std::vector<double> column(const Json& recipe) {
  const auto count = recipe["n"].get<std::size_t>();
  const std::string kind = recipe["kind"];
  const bool bell = kind == "bell";
  const auto u = splitmix(recipe["seed"], bell ? 4 * count : count);
  const std::size_t every = recipe["missing_every"];
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double base = bell ? u[4 * i] + u[4 * i + 1] + u[4 * i + 2] + u[4 * i + 3] - 2.0 : u[i];
    const double product = recipe["scale"].get<double>() * base;
    values[i] = recipe["shift"].get<double>() + product;
    if (kind == "integers") values[i] = std::floor(values[i]);
    if (every > 0 && i % every == 0) values[i] = kNaN;
  }
  return values;
}

Categories categories(const Json& recipe) {
  Categories result;
  for (double value : column(recipe)) result.add(fmt::format("v{:03d}", static_cast<int>(value)));
  return result;
}

// To 1e-9, relative for numbers above one.
void expect_close(double actual, double expected, const std::string& what) {
  EXPECT_NEAR(actual, expected, 1e-9 * std::max(1.0, std::abs(expected))) << what;
}

// p-values small as they may be: also to 1e-7 of themselves.
void expect_close_p(double actual, double expected, const std::string& what) {
  expect_close(actual, expected, what);
  EXPECT_NEAR(actual, expected, 1e-7 * expected + 1e-15) << what;
}

void expect_scores(const Json& expected, const Column& reference, const Column& current, const std::string& name) {
  for (const auto& [test, score] : expected.items()) {
    const auto method = find_drift_method(test);
    ASSERT_TRUE(method) << test;
    const ColumnDrift drift = column_drift("x", reference, current, {.method = *method});
    EXPECT_EQ(drift.method, test) << name;
    expect_close(drift.score, score, name + " " + test);
  }
}

void expect_default(const Json& expected, const Column& reference, const Column& current, const std::string& name) {
  const ColumnDrift drift = column_drift("x", reference, current, {});
  EXPECT_EQ(drift.method, expected["method"].get<std::string>()) << name;
  expect_close(drift.score, expected["score"], name);
  EXPECT_EQ(drift.drifted, expected["drifted"].get<bool>()) << name;
}

TEST(Drift, NumericalColumnsAsEvidently) {
  for (const Json& c : fixtures()["drift"]) {
    const std::string name = c["name"];
    const Column reference = Sample(column(c["reference"]));
    const Column current = Sample(column(c["current"]));
    expect_default(c["default"], reference, current, name);
    expect_scores(c["numerical"], reference, current, name);
  }
}

TEST(Drift, CategoricalColumnsAsEvidently) {
  int checked = 0;
  for (const Json& c : fixtures()["drift"]) {
    if (!c.contains("categorical")) continue;
    const std::string name = c["name"].get<std::string>() + ", categorical";
    const Column reference = categories(c["reference"]);
    const Column current = categories(c["current"]);
    expect_default(c["categorical_default"], reference, current, name);
    expect_scores(c["categorical"], reference, current, name);
    ++checked;
  }
  EXPECT_GE(checked, 8);
}

TEST(Drift, KolmogorovSmirnovAndWassersteinAsScipy) {
  for (const Json& c : fixtures()["drift"]) {
    const std::string name = c["name"];
    const Sample reference(column(c["reference"]));
    const Sample current(column(c["current"]));
    const KsResult ks = kolmogorov_smirnov(reference, current);
    expect_close(ks.statistic, c["ks_statistic"], name);
    expect_close_p(ks.p_value, c["numerical"]["ks"], name);
    expect_close(wasserstein(reference, current), c["distance"], name);
  }
}

TEST(Kolmogorov, SurvivalAsScipy) {
  for (const Json& c : fixtures()["kolmogorov"]) {
    const std::int64_t n = c["n"];
    const double d = c["d"];
    expect_close_p(kolmogorov_survival(n, d), c["survival"], fmt::format("n {} d {}", n, d));
  }
}

TEST(Kolmogorov, ExactCountsOfSmallSamples) {
  EXPECT_DOUBLE_EQ(smirnov_exact(1, 1, 1.0), 1.0);
  EXPECT_DOUBLE_EQ(smirnov_exact(2, 2, 1.0), 2.0 / 6);  // of the 6 orders of 2 and 2, two separate them
  EXPECT_DOUBLE_EQ(smirnov_exact(3, 2, 1.0), 2.0 / 10);
  EXPECT_DOUBLE_EQ(smirnov_exact(3, 2, 0.0), 1.0);
}

TEST(Drift, OneSideWithoutValuesIsDriftAndBothSidesAreNot) {
  const Column some = Sample({1, 2, 3});
  const Column none = Sample({kNaN, kNaN});
  EXPECT_TRUE(column_drift("x", some, none, {}).drifted);
  EXPECT_TRUE(column_drift("x", none, some, {}).drifted);
  EXPECT_FALSE(column_drift("x", none, none, {}).drifted);
  EXPECT_EQ(column_drift("x", some, none, {}).method, "missing");
  EXPECT_EQ(column_drift("x", some, none, {}).current_missing, 2);
}

TEST(Drift, ATestThatDoesNotFitTheTypeGivesWay) {
  Categories values;
  for (const char* value : {"a", "b", "b", "c"}) values.add(value);
  EXPECT_EQ(column_drift("x", Column(values), Column(values), {.method = DriftMethod::kKs}).method, "chisquare");
}

TEST(Drift, IdenticalColumnsHaveNoDistance) {
  const Column sample = Sample(splitmix(7, 1500));
  for (const auto& name : drift_method_names()) {
    const ColumnDrift drift = column_drift("x", sample, sample, {.method = *find_drift_method(name)});
    EXPECT_FALSE(drift.drifted) << name << " " << drift.score;
    EXPECT_NEAR(drift.psi, 0, 1e-15);
  }
}

TEST(DatasetDrift, ShareOfDriftedColumnsAgainstTheThreshold) {
  const auto column = [](bool drifted) {
    return ColumnDrift{.drifted = drifted, .reference_rows = 1, .current_rows = 1};
  };
  struct Case {
    std::string name;
    std::vector<ColumnDrift> columns;
    double share;
    bool drifted;
  };
  const std::vector<Case> cases{
      {"no columns", {}, 0, false},
      {"none drifted", {column(false), column(false)}, 0, false},
      {"just half", {column(true), column(false)}, 0.5, true},
      {"a third", {column(true), column(false), column(false)}, 1.0 / 3, false},
      {"columns without any values do not count", {column(true), column(false), ColumnDrift{}}, 0.5, true},
  };
  for (const Case& c : cases) {
    const DatasetDrift drift = dataset_drift(c.columns, 0.5);
    EXPECT_DOUBLE_EQ(drift.share, c.share) << c.name;
    EXPECT_EQ(drift.drifted, c.drifted) << c.name;
  }
}

struct Rows {
  std::vector<double> labels;
  std::vector<double> predictions;
};

// As performance_case() in monitoring_fixtures.py.
Rows rows_of(const Json& c) {
  const auto count = c["n"].get<std::size_t>();
  const double steps = c["steps"];
  const auto u = splitmix(c["seed"], 2 * count);
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    double p = u[2 * i] * u[2 * i];
    if (steps > 0) p = std::floor(p * steps) / steps;
    rows.predictions.push_back(p);
    rows.labels.push_back(u[2 * i + 1] < c["lift"].get<double>() * p ? 1 : 0);
  }
  return rows;
}

void expect_curve(const Json& expected, const Scored& rows, Binning binning, const std::string& name) {
  const auto curve = calibration_curve(rows, 10, binning);
  ASSERT_EQ(curve.size(), expected["rows"].size()) << name;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    EXPECT_EQ(curve[i].rows, expected["rows"][i].get<std::int64_t>()) << name << " bin " << i;
    expect_close(curve[i].mean_prediction, expected["mean"][i], name);
    expect_close(curve[i].share_positive, expected["share"][i], name);
  }
  expect_close(expected_calibration_error(rows, 10, binning), expected["error"], name);
}

TEST(Performance, AsScikitLearn) {
  for (const Json& c : fixtures()["performance"]) {
    const std::string name = c["name"];
    const Rows rows = rows_of(c);
    const Scored scored{rows.labels, rows.predictions};
    for (const auto& [metric, expected] : c["metrics"].items()) {
      expect_close(compute_metric(metric, scored), expected, name + " " + metric);
    }
    expect_curve(c["uniform"], scored, Binning::kUniform, name + ", equal width");
    expect_curve(c["quantile"], scored, Binning::kQuantile, name + ", equal count");
  }
}

TEST(Performance, WithoutRowsAllIsNaN) {
  for (const auto& name : metric_names()) EXPECT_TRUE(std::isnan(compute_metric(name, {}))) << name;
}

TEST(Performance, OneClassHasNoAuc) {
  const std::vector<double> labels{1, 1};
  const std::vector<double> predictions{0.2, 0.7};
  EXPECT_TRUE(std::isnan(roc_auc({labels, predictions})));
}

TEST(Performance, CertainAndWrongCostsTheLogarithmOfEpsilon) {
  EXPECT_DOUBLE_EQ(log_loss_of(1, 0), -std::log(0x1p-52));
  EXPECT_DOUBLE_EQ(log_loss_of(0, 1), -std::log(0x1p-52));
  EXPECT_NEAR(log_loss_of(1, 1), 0, 1e-15);
}

TEST(Performance, EveryNamedMetricHasADirection) {
  for (const auto& name : metric_names()) EXPECT_TRUE(metric_direction(name).has_value());
  EXPECT_EQ(metric_direction("log_loss"), Better::kLower);
  EXPECT_EQ(metric_direction("roc_auc"), Better::kHigher);
  EXPECT_FALSE(metric_direction("nonsense").has_value());
}

TEST(UpperGamma, KnownValues) {
  EXPECT_NEAR(upper_gamma(1, 2), std::exp(-2.0), 1e-15);
  EXPECT_NEAR(upper_gamma(0.5, 2), std::erfc(std::sqrt(2.0)), 1e-15);
  EXPECT_EQ(upper_gamma(3, 0), 1);
  EXPECT_EQ(upper_gamma(3, std::numeric_limits<double>::infinity()), 0);
}

}  // namespace
}  // namespace millrace::monitoring
