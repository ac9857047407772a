#include "serving/forest/xgboost_objective.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace millrace::serving {
namespace {

using Kind = Transform::Kind;

struct Row {
  std::string_view name;
  Kind transform;
  Link link;
};

constexpr std::array kObjectives = {
    Row{"reg:squarederror", Kind::kIdentity, Link::kIdentity},
    Row{"reg:linear", Kind::kIdentity, Link::kIdentity},
    Row{"reg:squaredlogerror", Kind::kIdentity, Link::kIdentity},
    Row{"reg:absoluteerror", Kind::kIdentity, Link::kIdentity},
    Row{"reg:pseudohubererror", Kind::kIdentity, Link::kIdentity},
    Row{"reg:quantileerror", Kind::kIdentity, Link::kIdentity},
    Row{"reg:logistic", Kind::kSigmoid, Link::kLogit},
    Row{"binary:logistic", Kind::kSigmoid, Link::kLogit},
    Row{"binary:logitraw", Kind::kIdentity, Link::kIdentity},
    Row{"binary:hinge", Kind::kStep, Link::kIdentity},
    Row{"count:poisson", Kind::kExp, Link::kLog},
    Row{"reg:gamma", Kind::kExp, Link::kLog},
    Row{"reg:tweedie", Kind::kExp, Link::kLog},
    Row{"survival:cox", Kind::kExp, Link::kLog},
    Row{"survival:aft", Kind::kExpInDouble, Link::kLog},
    Row{"multi:softprob", Kind::kSoftmax, Link::kIdentity},
    Row{"multi:softmax", Kind::kArgmax, Link::kIdentity},
    Row{"rank:pairwise", Kind::kIdentity, Link::kIdentity},
    Row{"rank:ndcg", Kind::kIdentity, Link::kIdentity},
    Row{"rank:map", Kind::kIdentity, Link::kIdentity},
};

float logit(float score, BaseScores scores) {
  constexpr float kEps = 1e-6F;
  if (scores == BaseScores::kBounded) score = std::clamp(score, kEps, 1.0F - kEps);
  return -std::log(1.0F / score - 1.0F);
}

}  // namespace

Result<XgboostObjective> xgboost_objective(std::string_view name) {
  const auto* found = std::ranges::find(kObjectives, name, &Row::name);
  if (found == kObjectives.end()) return fail(Code::kUnimplemented, "objective {} is not supported", name);
  return XgboostObjective{.name = found->name, .transform = {.kind = found->transform}, .link = found->link};
}

float base_margin(Link link, float base_score, BaseScores scores) {
  switch (link) {
    case Link::kIdentity:
      return base_score;
    case Link::kLogit:
      return logit(base_score, scores);
    case Link::kLog:
      return std::log(base_score);
  }
  return base_score;
}

}  // namespace millrace::serving
