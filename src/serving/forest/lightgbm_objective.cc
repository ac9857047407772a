#include "serving/forest/lightgbm_objective.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ranges>

namespace millrace::serving {
namespace {

using Kind = Transform::Kind;

struct Row {
  std::string_view name;
  Kind transform;
};

constexpr std::array kObjectives = {
    Row{"regression", Kind::kIdentity},   Row{"regression_l1", Kind::kIdentity},
    Row{"huber", Kind::kIdentity},        Row{"fair", Kind::kIdentity},
    Row{"quantile", Kind::kIdentity},     Row{"mape", Kind::kIdentity},
    Row{"poisson", Kind::kExp},           Row{"gamma", Kind::kExp},
    Row{"tweedie", Kind::kExp},           Row{"binary", Kind::kSigmoid},
    Row{"multiclass", Kind::kSoftmax},    Row{"multiclassova", Kind::kSigmoid},
    Row{"cross_entropy", Kind::kSigmoid}, Row{"cross_entropy_lambda", Kind::kSoftplus},
    Row{"lambdarank", Kind::kIdentity},   Row{"rank_xendcg", Kind::kIdentity},
    Row{"custom", Kind::kIdentity},
};

// These are trained on signed square roots if told so ("regression sqrt").
constexpr std::array<std::string_view, 5> kMayBeRoots = {"regression", "regression_l1", "fair", "quantile", "mape"};

Result<double> steepness(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0)) {
    return data_loss("broken model file: a sigmoid of \"{}\"", text);
  }
  return value;
}

}  // namespace

Result<Transform> lightgbm_objective(std::string_view text) {
  constexpr std::string_view kSigmoidOption = "sigmoid:";
  const std::string_view name = text.substr(0, text.find(' '));
  if (name.empty()) return Transform{};
  const auto* found = std::ranges::find(kObjectives, name, &Row::name);
  if (found == kObjectives.end()) return fail(Code::kUnimplemented, "objective {} is not supported", name);
  Transform transform{.kind = found->transform};
  for (auto part : text.substr(name.size()) | std::views::split(' ')) {
    const std::string_view option(part.begin(), part.end());
    if (option == "sqrt" && std::ranges::find(kMayBeRoots, name) != kMayBeRoots.end())
      transform.kind = Kind::kSignedSquare;
    if (option.starts_with(kSigmoidOption)) transform.steepness = TRY(steepness(option.substr(kSigmoidOption.size())));
  }
  return transform;
}

}  // namespace millrace::serving
