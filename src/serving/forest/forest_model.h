#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/forest/transform.h"

namespace millrace::serving {

// What a split makes of a value before it compares it. A comparison with NaN fails, so NaN goes right by itself.
enum class View : std::uint8_t {
  kAsIs,         // a missing value (NaN) goes right
  kMissingLeft,  // a missing value goes left
  kMissingZero,  // a missing value is 0
  kZeroLeft,     // missing values and 0 go left
  kZeroRight,    // missing values and 0 go right
  kWhole,        // cut to a whole number; a missing value is in no category
};

// A split or a leaf.
struct TreeNode {
  std::int32_t left = -1;  // -1 makes it a leaf
  std::int32_t right = -1;
  std::uint32_t feature = 0;
  View view = View::kAsIs;
  // Index into ForestModel::categories, or -1: the categories that go right; all others go left.
  std::int32_t categories = -1;
  // A split sends what is smaller left. Of a leaf: its value, or which of Tree::leaf_vectors it answers.
  double value = 0;

  bool is_leaf() const { return left == -1; }
};

struct Tree {
  std::vector<TreeNode> nodes;  // the first is the root
  std::uint32_t group = 0;      // which margin its leaves add to
  double weight = 1;            // of its leaves
  // Leaves with a value a group: groups values for each, one after another. Empty where leaves have one value.
  std::vector<double> leaf_vectors;
};

// A model without trees: margins are sums of weights, as XGBoost's gblinear has them.
struct LinearModel {
  std::vector<double> weights;  // of each feature, one a group
  std::vector<double> biases;   // one a group
};

// In what numbers rows are compared and leaves are summed: XGBoost's are floats, LightGBM's doubles. With doubles goes
// LightGBM's reading of values: no further from 0 than 1e-35 is 0, and infinity is below a threshold of infinity.
enum class Precision { kFloat, kDouble };

// A tree ensemble (or a linear model), whoever trained it. Margins are sums, tree by tree, from `base`; predictions are
// margins through `transform`.
struct ForestModel {
  Precision precision = Precision::kFloat;
  std::uint32_t features = 0;
  std::vector<std::string> feature_names;  // empty where the file names none
  std::vector<double> base;                // one a group
  std::vector<Tree> trees;
  std::vector<std::uint32_t> iterations;               // where each boosting round's trees end
  std::vector<std::vector<std::uint32_t>> categories;  // sets of categories, as bits
  std::size_t category_words = 0;                      // of all of them
  std::vector<LinearModel> linear;                     // one, or none
  double divisor = 1;                                  // what predictions divide the margins by (random forests)
  Transform transform;
  std::uint32_t best_iteration = 0;  // how many rounds early stopping found best; 0 where it did not stop
  bool has_category_names = false;   // categories were named in training, and rows hold the names' numbers

  std::size_t groups() const { return base.size(); }
};

// What a model may claim without a file to match: beyond these is kUnimplemented.
inline constexpr std::uint32_t kMaxFeatures = 1 << 20;
inline constexpr std::uint32_t kMaxGroups = 1 << 16;
inline constexpr std::size_t kMaxCategoryWords = 1 << 24;

// Every tree is a tree (no cycle, no node met twice) and every index and number of it lies in its range; else
// kDataLoss. Nodes that no path reaches are not looked at.
Result<void> check_forest(const ForestModel& model);

// Leaves only the first rounds' trees.
void keep_iterations(ForestModel& model, std::size_t count);

}  // namespace millrace::serving
