#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/forest/objective.h"

namespace millrace::serving {

// One regression tree as XGBoost stores it. Node 0 is the root; a leaf has left == -1 and its value in `threshold`.
// An inner node sends x left when x < threshold, and a missing x (NaN) to the default side.
struct XgboostTree {
  std::vector<std::int32_t> left, right;
  std::vector<std::int32_t> feature;
  std::vector<float> threshold;
  std::vector<bool> default_left;
};

// An XGBoost model (booster gbtree) in checked form: every tree is a tree, every index lies in its range.
struct XgboostModel {
  std::vector<std::string> feature_names;  // empty where the file names none
  std::int32_t num_feature = 0;
  std::int32_t groups = 1;  // classes (times targets): each tree adds to one of them
  Objective objective;
  std::vector<float> base_margins;  // one a group: what the sums start from
  std::vector<XgboostTree> trees;
  std::vector<std::int32_t> tree_group;  // the group of each tree
};

// Reads what XGBoost 1.7 to 3 saves as .json or .ubj. kUnimplemented for what we do not score (dart, gblinear,
// categorical splits, vector leaves, unknown objectives), kDataLoss or kInvalidArgument for a file that is broken.
Result<XgboostModel> read_xgboost_model(std::string_view bytes);

}  // namespace millrace::serving
