#include "serving/forest/forest.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdio>
#include <ctime>

#include "serving/forest/reference_booster.h"

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
  forest.margins(rows, margins);
  EXPECT_EQ(differing(margins, booster.predict(rows, true)), 0U) << "margins, " << format;
  std::vector<float> predictions(count * forest.outputs());
  forest.predict(rows, predictions);
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

TEST(ForestTest, InfiniteInputsGoTheWayTheyCompare) {
  XgboostModel model{.num_feature = 1, .objective = {"reg:squarederror"}, .base_margins = {0.0F}};
  model.trees.push_back({{1, -1, -1}, {2, -1, -1}, {0, 0, 0}, {0.5F, -1.0F, 1.0F}, {true, false, false}});
  model.tree_group = {0};
  const Forest forest = MUST(Forest::build(model));
  const std::vector<float> rows = {-INFINITY, INFINITY, NAN, 0.5F, 0.49F};
  std::vector<float> out(5);
  forest.margins(rows, out);
  EXPECT_EQ(out, (std::vector<float>{-1, 1, -1, 1, -1}));
}

TEST(ForestTest, ATreeOfAWiderLevelThanSixteenBitsIsRefused) {
  XgboostTree tree;
  const int inner = (1 << 17) - 1;  // a complete tree of depth 17
  for (int node = 0; node < 2 * inner + 1; ++node) {
    tree.left.push_back(node < inner ? 2 * node + 1 : -1);
    tree.right.push_back(node < inner ? 2 * node + 2 : -1);
  }
  tree.feature.assign(tree.left.size(), 0);
  tree.threshold.assign(tree.left.size(), 0.0F);
  tree.default_left.assign(tree.left.size(), false);
  XgboostModel model{.num_feature = 1, .base_margins = {0.0F}, .trees = {tree}, .tree_group = {0}};
  EXPECT_EQ(Forest::build(model).error().code, Code::kUnimplemented);
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
      forest.predict(std::span(rows).subspan(row * 9, 9), out);
      sum += out[0];
    }
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("one row, 100 trees of depth 6, 9 features: %.3f us (%f)\n", seconds * 1e6 / (50 * 4096), sum);
}

}  // namespace
}  // namespace millrace::serving
