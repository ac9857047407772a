#include "serving/forest/objective.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace millrace::serving {
namespace {

struct Row {
  std::string_view name;
  Transform transform;
  Link link;
};

constexpr std::array kObjectives = {
    Row{"reg:squarederror", Transform::kIdentity, Link::kIdentity},
    Row{"reg:linear", Transform::kIdentity, Link::kIdentity},
    Row{"reg:squaredlogerror", Transform::kIdentity, Link::kIdentity},
    Row{"reg:absoluteerror", Transform::kIdentity, Link::kIdentity},
    Row{"reg:pseudohubererror", Transform::kIdentity, Link::kIdentity},
    Row{"reg:quantileerror", Transform::kIdentity, Link::kIdentity},
    Row{"reg:logistic", Transform::kSigmoid, Link::kLogit},
    Row{"binary:logistic", Transform::kSigmoid, Link::kLogit},
    Row{"binary:logitraw", Transform::kIdentity, Link::kIdentity},
    Row{"binary:hinge", Transform::kStep, Link::kIdentity},
    Row{"count:poisson", Transform::kExp, Link::kLog},
    Row{"reg:gamma", Transform::kExp, Link::kLog},
    Row{"reg:tweedie", Transform::kExp, Link::kLog},
    Row{"survival:cox", Transform::kExp, Link::kLog},
    Row{"survival:aft", Transform::kExp, Link::kLog},
    Row{"multi:softprob", Transform::kSoftmax, Link::kIdentity},
    Row{"multi:softmax", Transform::kArgmax, Link::kIdentity},
    Row{"rank:pairwise", Transform::kIdentity, Link::kIdentity},
    Row{"rank:ndcg", Transform::kIdentity, Link::kIdentity},
    Row{"rank:map", Transform::kIdentity, Link::kIdentity},
};

// common::Sigmoid in src/common/math.h.
float sigmoid(float margin) {
  constexpr float kEps = 1e-16F;
  const float x = std::min(-margin, 88.7F);
  const float denominator = std::exp(x) + 1.0F + kEps;
  return 1.0F / denominator;
}

// common::Softmax in src/common/math.h: floats, summed in a double.
void softmax(std::span<float> row) {
  const float largest = *std::ranges::max_element(row);
  double sum = 0;
  for (float& value : row) {
    value = std::exp(value - largest);
    sum += value;
  }
  for (float& value : row) value /= static_cast<float>(sum);
}

}  // namespace

Result<Objective> objective_by_name(std::string_view name) {
  const auto* found = std::ranges::find(kObjectives, name, &Row::name);
  if (found == kObjectives.end()) return fail(Code::kUnimplemented, "objective {} is not supported", name);
  return Objective{std::string(name), found->transform, found->link};
}

float base_margin(Link link, float base_score) {
  switch (link) {
    case Link::kIdentity:
      return base_score;
    case Link::kLogit:
      return -std::log(1.0F / base_score - 1.0F);
    case Link::kLog:
      return std::log(base_score);
  }
  return base_score;
}

std::size_t apply_transform(Transform transform, std::span<float> row) {
  switch (transform) {
    case Transform::kIdentity:
      break;
    case Transform::kSigmoid:
      for (float& value : row) value = sigmoid(value);
      break;
    case Transform::kExp:
      for (float& value : row) value = std::exp(value);
      break;
    case Transform::kStep:
      for (float& value : row) value = value > 0.0F ? 1.0F : 0.0F;
      break;
    case Transform::kSoftmax:
      softmax(row);
      break;
    case Transform::kArgmax:
      row[0] = static_cast<float>(std::ranges::max_element(row) - row.begin());
      return 1;
  }
  return row.size();
}

std::size_t transformed_size(Transform transform, std::size_t classes) {
  return transform == Transform::kArgmax ? 1 : classes;
}

}  // namespace millrace::serving
