#include "serving/forest/forest.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdio>
#include <ctime>

#include "serving/forest/reference_booster.h"
#include "serving/forest/xgboost_reader.h"

namespace millrace::serving {
namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

Forest load(const std::string& bytes) { return MUST(Forest::build(MUST(read_xgboost_model(bytes)))); }

// How many floats differ in a bit.
std::size_t differing(const std::vector<float>& got, const std::vector<float>& want) {
  std::size_t count = got.size() == want.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    if (std::bit_cast<std::uint32_t>(got[i]) != std::bit_cast<std::uint32_t>(want[i])) ++count;
  }
  return count;
}

void expect_equal(ReferenceBooster& booster, const std::vector<float>& rows, int features, const std::string& format) {
  const Forest forest = load(booster.save(format));
  const std::size_t count = rows.size() / static_cast<std::size_t>(features);
  std::vector<float> margins(count * forest.groups());
  forest.margins<float>(rows, margins);
  EXPECT_EQ(differing(margins, booster.predict(rows, true)), 0U) << "margins, " << format;
  std::vector<float> predictions(count * forest.outputs());
  forest.predict<float>(rows, predictions);
  EXPECT_EQ(differing(predictions, booster.predict(rows, false)), 0U) << "predictions, " << format;
}

struct Case {
  std::string name;
  std::string objective;
  int classes = 0;
  Params params = {};
};

std::vector<Case> cases() {
  return {
      {"logistic", "binary:logistic"},
      {"logistic_base_score", "binary:logistic", 0, {{"base_score", "0.137"}}},
      {"logistic_exact", "binary:logistic", 0, {{"tree_method", "exact"}, {"gamma", "0.5"}}},
      {"logistic_approx", "binary:logistic", 0, {{"tree_method", "approx"}}},
      {"logistic_lossguide",
       "binary:logistic",
       0,
       {{"tree_method", "hist"}, {"grow_policy", "lossguide"}, {"max_leaves", "40"}, {"max_depth", "0"}}},
      {"logistic_pruned", "binary:logistic", 0, {{"tree_method", "exact"}, {"gamma", "3"}, {"max_depth", "10"}}},
      {"logistic_subsample",
       "binary:logistic",
       0,
       {{"subsample", "0.5"}, {"colsample_bytree", "0.5"}, {"lambda", "3"}}},
      {"logistic_forest", "binary:logistic", 0, {{"num_parallel_tree", "3"}, {"subsample", "0.6"}}},
      {"logitraw", "binary:logitraw"},
      {"hinge", "binary:hinge"},
      {"squared", "reg:squarederror", 0, {{"base_score", "0.3"}}},
      {"reg_logistic", "reg:logistic"},
      {"absolute", "reg:absoluteerror", 0, {{"tree_method", "hist"}}},
      {"pseudohuber", "reg:pseudohubererror"},
      {"poisson", "count:poisson", 0, {{"base_score", "1.7"}}},
      {"tweedie", "reg:tweedie"},
      {"cox", "survival:cox"},
      {"softprob", "multi:softprob", 3},
      {"softmax", "multi:softmax", 3},
      {"pairwise", "rank:pairwise"},
  };
}

TEST(ForestTest, EveryObjectiveAnswersXgboostsBits) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(test.name);
    for (unsigned seed = 1; seed <= 3; ++seed) {
      Params params = {
          {"objective", test.objective}, {"seed", std::to_string(seed)}, {"max_depth", std::to_string(2 * seed)}};
      params.insert(params.end(), test.params.begin(), test.params.end());
      ReferenceBooster booster({.seed = seed, .classes = test.classes, .params = params});
      const std::vector<float> rows = booster.make_rows(3000);
      expect_equal(booster, rows, 6, "json");
      expect_equal(booster, rows, 6, "ubj");
    }
  }
}

TEST(ForestTest, ManyShapesAnswerXgboostsBits) {
  for (int depth : {1, 3, 6, 9, 12}) {
    for (int rounds : {0, 1, 15, 16, 17, 50}) {
      for (double missing : {0.0, 0.3, 1.0}) {
        SCOPED_TRACE(fmt::format("depth {}, {} rounds, {} missing", depth, rounds, missing));
        ReferenceBooster booster({.seed = static_cast<unsigned>(depth * 100 + rounds),
                                  .rows = 1500,
                                  .features = 9,
                                  .rounds = rounds,
                                  .missing = missing,
                                  .params = {{"objective", "binary:logistic"},
                                             {"tree_method", "hist"},
                                             {"min_child_weight", "0"},
                                             {"max_depth", std::to_string(depth)}}});
        expect_equal(booster, booster.make_rows(3000), 9, "ubj");
      }
    }
  }
}

TreeNode leaf(double value) { return {.value = value}; }

ForestModel model_of(Tree tree) {
  return {.features = 1, .base = {0.0}, .trees = {std::move(tree)}, .iterations = {1}};
}

std::vector<float> scored(const ForestModel& model, const std::vector<float>& rows) {
  const Forest forest = MUST(Forest::build(model));
  std::vector<float> out(rows.size());
  forest.margins<float>(rows, out);
  return out;
}

TEST(ForestTest, InfiniteInputsGoTheWayTheyCompare) {
  const ForestModel model =
      model_of({.nodes = {{.left = 1, .right = 2, .view = View::kMissingLeft, .value = 0.5}, leaf(-1), leaf(1)}});
  EXPECT_EQ(scored(model, {-INFINITY, INFINITY, NAN, 0.5F, 0.49F}), (std::vector<float>{-1, 1, -1, 1, -1}));
}

struct ViewCase {
  std::string name;
  View view;
  std::vector<double> margins;  // of -1, 0, 1e-36, 1, infinity and a missing value
};

TEST(ForestTest, EveryViewOfAValue) {
  const std::vector<ViewCase> cases = {
      {"as it is", View::kAsIs, {-1, -1, -1, 1, 1, 1}},
      {"missing left", View::kMissingLeft, {-1, -1, -1, 1, 1, -1}},
      {"missing is zero", View::kMissingZero, {-1, -1, -1, 1, 1, -1}},
      {"zero left", View::kZeroLeft, {-1, -1, -1, 1, 1, -1}},
      {"zero right", View::kZeroRight, {-1, 1, 1, 1, 1, 1}},
  };
  for (const ViewCase& test : cases) {
    SCOPED_TRACE(test.name);
    ForestModel model =
        model_of({.nodes = {{.left = 1, .right = 2, .view = test.view, .value = 0.5}, leaf(-1), leaf(1)}});
    model.precision = Precision::kDouble;
    const std::vector<double> rows = {-1, 0, 1e-36, 1, INFINITY, NAN};
    std::vector<double> out(rows.size());
    MUST(Forest::build(model)).margins<double>(rows, out);
    EXPECT_EQ(out, test.margins);
  }
}

TEST(ForestTest, CategoriesThatNobodyKnowsGoLeft) {
  ForestModel model = model_of({.nodes = {{.left = 1, .right = 2, .categories = 0}, leaf(-1), leaf(1)}});
  model.categories = {{0b1010}};
  EXPECT_EQ(scored(model, {0, 1, 2, 3, 3.9F, 31, 32, 1e9F, -1, -INFINITY, INFINITY, NAN}),
            (std::vector<float>{-1, 1, -1, 1, 1, -1, -1, -1, -1, -1, -1, 1}));
}

TEST(ForestTest, ATreeOfAWiderLevelThanSixteenBitsIsScored) {
  Tree tree;
  const int inner = (1 << 17) - 1;  // a complete tree of depth 17
  for (int node = 0; node < 2 * inner + 1; ++node) {
    if (node >= inner) {
      tree.nodes.push_back(leaf(node));
    } else {
      tree.nodes.push_back({.left = 2 * node + 1, .right = 2 * node + 2});
    }
  }
  EXPECT_EQ(scored(model_of(tree), {-1, 1}), (std::vector<float>{inner, 2 * inner}));
}

// Not a check: the figures that docs and reviews quote. Run with --gtest_also_run_disabled_tests in a release build.
TEST(ForestTest, DISABLED_Speed) {
  ReferenceBooster booster({.rows = 20000,
                            .features = 9,
                            .rounds = 100,
                            .params = {{"objective", "binary:logistic"}, {"tree_method", "hist"}, {"max_depth", "6"}}});
  const Forest forest = load(booster.save("ubj"));
  const std::vector<float> rows = booster.make_rows(4096);
  std::vector<float> out(1);
  double sum = 0;
  const std::clock_t start = std::clock();
  for (int pass = 0; pass < 50; ++pass) {
    for (std::size_t row = 0; row < 4096; ++row) {
      forest.predict<float>(std::span(rows).subspan(row * 9, 9), out);
      sum += out[0];
    }
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("one row, 100 trees of depth 6, 9 features: %.3f us (%f)\n", seconds * 1e6 / (50 * 4096), sum);
}

}  // namespace
}  // namespace millrace::serving
