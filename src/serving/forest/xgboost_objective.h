#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "serving/forest/transform.h"

namespace millrace::serving {

// From the base_score that a file holds to the margin that sums start from.
enum class Link { kIdentity, kLogit, kLog };

// What one of XGBoost's objectives means for predictions (src/objective in dmlc/xgboost).
struct XgboostObjective {
  std::string_view name;  // as long as the program
  Transform transform;
  Link link = Link::kIdentity;
};

// kUnimplemented for an objective we do not know.
Result<XgboostObjective> xgboost_objective(std::string_view name);

// Since 3.2, XGBoost keeps base scores of a probability off 0 and 1.
enum class BaseScores { kAsTheyAre, kBounded };
float base_margin(Link link, float base_score, BaseScores scores);

}  // namespace millrace::serving
