#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::serving {

// What XGBoost's objectives do to a margin (src/objective in dmlc/xgboost); the arithmetic is theirs to the bit.
enum class Transform { kIdentity, kSigmoid, kExp, kSoftmax, kArgmax, kStep };
enum class Link { kIdentity, kLogit, kLog };

struct Objective {
  std::string name;
  Transform transform = Transform::kIdentity;
  Link link = Link::kIdentity;  // from the base_score that the file holds to the margin that sums start from
};

// kUnimplemented for an objective we do not know.
Result<Objective> objective_by_name(std::string_view name);

float base_margin(Link link, float base_score);

// One row's margins, one a class, to predictions. Answers how many are left: kArgmax leaves the class alone.
std::size_t apply_transform(Transform transform, std::span<float> row);

// How many predictions a row of `classes` margins has.
std::size_t transformed_size(Transform transform, std::size_t classes);

}  // namespace millrace::serving
