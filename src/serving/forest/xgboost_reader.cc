#include "serving/forest/xgboost_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <ranges>

#include "serving/forest/model_fields.h"
#include "serving/forest/xgboost_objective.h"
#include "serving/forest/xgboost_tree.h"

namespace millrace::serving {
namespace {

constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();

// "5E-1", or "[5E-1,2E-1]" since XGBoost 3.1.
Result<std::vector<float>> base_scores(std::string_view text) {
  const std::string_view whole = text;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  std::vector<float> scores;
  for (auto part : text | std::views::split(',')) {
    float score = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), score);
    if (error != std::errc{} || end != part.data() + part.size()) {
      return data_loss("broken model file: base_score is \"{}\"", whole);
    }
    scores.push_back(score);
  }
  return scores;
}

// (major, minor) of the release that wrote the file; (0, 0) where it does not say.
std::pair<int, int> release_of(const ModelValue& document) {
  const ModelValue* version = document.find("version");
  if (version == nullptr || version->numbers.size() < 2) return {0, 0};
  const auto part = [&](std::size_t i) {
    const double number = version->numbers[i];
    return number >= 0 && number < 1e6 ? static_cast<int>(number) : 0;
  };
  return {part(0), part(1)};
}

// Margins by the arithmetic of that release: before 1.3, binary:logitraw has base scores that are probabilities, too.
std::vector<double> base_margins(const std::vector<double>& scores, const XgboostObjective& objective,
                                 std::pair<int, int> release) {
  const bool raw = objective.name == "binary:logitraw" && release < std::pair{1, 3};
  const Link link = raw ? Link::kLogit : objective.link;
  const BaseScores bounds = release < std::pair{3, 2} ? BaseScores::kAsTheyAre : BaseScores::kBounded;
  std::vector<double> margins;
  for (double score : scores) margins.push_back(base_margin(link, static_cast<float>(score), bounds));
  return margins;
}

Result<std::size_t> read_groups(const ModelValue& parameters) {
  const std::int32_t classes = std::max(1, TRY(count_in(parameters, "num_class", {0, kMaxGroups})));
  const std::int32_t targets = std::max(1, TRY(count_in(parameters, "num_target", {0, kMaxGroups}, 1)));
  if (classes > 1 && targets > 1) {
    return fail(Code::kUnimplemented, "several targets of several classes are not supported");
  }
  return static_cast<std::size_t>(classes) * static_cast<std::size_t>(targets);
}

// The base scores as they stand; base_margins makes margins of them.
Result<void> read_base(const ModelValue& parameters, ForestModel& model) {
  model.features = static_cast<std::uint32_t>(TRY(count_in(parameters, "num_feature", {0, kMost})));
  const std::size_t groups = TRY(read_groups(parameters));
  std::vector<float> scores = TRY(base_scores(TRY(text_in(parameters, "base_score"))));
  if (scores.size() == 1) scores.resize(groups, scores.front());
  if (scores.size() != groups) {
    return data_loss("broken model file: {} base scores for {} groups", scores.size(), groups);
  }
  model.base.assign(scores.begin(), scores.end());
  return {};
}

// Since 3.1, a score that is still to be estimated, before the first round, is answered as it stands.
bool is_estimated(const ModelValue& parameters, const ForestModel& model, std::pair<int, int> release) {
  const ModelValue* estimate = parameters.find("boost_from_average");
  const bool to_be = release >= std::pair{3, 1} && estimate != nullptr && estimate->text == "1";
  return !to_be || !model.trees.empty() || !model.linear.empty();
}

void read_feature_names(const ModelValue& learner, ForestModel& model) {
  const ModelValue* names = learner.find("feature_names");
  if (names == nullptr) return;
  for (const ModelValue& name : names->items) model.feature_names.push_back(name.text);
}

// Where each round's trees end: written since 2.0; before, a round has num_parallel_tree trees a group.
Result<void> read_iterations(const ModelValue& booster, ForestModel& model) {
  const std::vector<std::int32_t> ends = TRY(indices_in(booster, "iteration_indptr"));
  std::int32_t last = 0;
  for (std::int32_t end : ends | std::views::drop(1)) {
    if (end < last) return data_loss("broken model file: iteration_indptr holds {}", end);
    model.iterations.push_back(static_cast<std::uint32_t>(last = end));
  }
  if (static_cast<std::size_t>(last) > model.trees.size()) {
    return data_loss("broken model file: iteration_indptr ends at {} of {} trees", last, model.trees.size());
  }
  if (!ends.empty()) return {};
  const ModelValue* parameters = TRY(object_in(booster, "gbtree_model_param"));
  const std::int32_t parallel = std::max(1, TRY(count_in(*parameters, "num_parallel_tree", {0, kMost}, 1)));
  const std::size_t round = static_cast<std::size_t>(parallel) * model.groups();
  for (std::size_t end = round; end <= model.trees.size(); end += round) {
    model.iterations.push_back(static_cast<std::uint32_t>(end));
  }
  return {};
}

// `holder` is the booster where it is a dart of old, else its model.
Result<void> read_weights(const ModelValue& holder, ForestModel& model) {
  if (holder.find("weight_drop") == nullptr) return {};
  const ModelValue* weights = TRY(array_in(holder, "weight_drop"));
  if (weights->numbers.size() > model.trees.size()) {
    return data_loss("broken model file: {} weights of {} trees", weights->numbers.size(), model.trees.size());
  }
  for (std::size_t i = 0; i < weights->numbers.size(); ++i) model.trees[i].weight = weights->numbers[i];
  return {};
}

Result<void> read_trees(const ModelValue& booster, ForestModel& model) {
  for (const ModelValue& tree : TRY(array_in(booster, "trees"))->items) {
    model.trees.push_back(TRY(read_xgboost_tree(tree, model)));
  }
  const std::vector<std::int32_t> groups = TRY(indices_in(booster, "tree_info", model.trees.size()));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] < 0) return data_loss("broken model file: tree_info holds {}", groups[i]);
    model.trees[i].group = static_cast<std::uint32_t>(groups[i]);
  }
  const ModelValue* categories = booster.find("cats");
  const ModelValue* encoded = categories == nullptr ? nullptr : categories->find("enc");
  model.has_category_names = encoded != nullptr && !encoded->items.empty();
  TRY(read_weights(booster, model));
  return read_iterations(booster, model);
}

Result<void> read_linear(const ModelValue& booster, ForestModel& model) {
  const std::size_t values = (static_cast<std::size_t>(model.features) + 1) * model.groups();
  const std::vector<double>& weights = *TRY(numbers_in(booster, "weights", values));
  const auto biases = weights.end() - static_cast<std::ptrdiff_t>(model.groups());
  model.linear.push_back({.weights = {weights.begin(), biases}, .biases = {biases, weights.end()}});
  return {};
}

Result<void> read_booster(const ModelValue& learner, ForestModel& model) {
  const ModelValue* booster = TRY(object_in(learner, "gradient_booster"));
  const std::string_view kind = TRY(text_in(*booster, "name"));
  if (kind == "gblinear") return read_linear(*TRY(object_in(*booster, "model")), model);
  if (kind == "gbtree") return read_trees(*TRY(object_in(*booster, "model")), model);
  if (kind != "dart") return fail(Code::kUnimplemented, "booster {} is not supported", kind);
  const ModelValue* trees = TRY(object_in(*booster, "gbtree"));
  TRY(read_trees(*TRY(object_in(*trees, "model")), model));
  return read_weights(*booster, model);
}

// Counted from 0, as an attribute of the booster.
void read_best_iteration(const ModelValue& learner, ForestModel& model) {
  const ModelValue* attributes = learner.find("attributes");
  const ModelValue* best = attributes == nullptr ? nullptr : attributes->find("best_iteration");
  if (best == nullptr) return;
  std::uint32_t round = 0;
  auto [end, error] = std::from_chars(best->text.data(), best->text.data() + best->text.size(), round);
  if (error == std::errc{} && round < model.iterations.size()) model.best_iteration = round + 1;
}

}  // namespace

Result<ForestModel> read_xgboost_model(std::string_view bytes) {
  const ModelValue document = TRY(read_model_document(bytes));
  const ModelValue* learner = TRY(object_in(document, "learner"));
  const ModelValue* parameters = TRY(object_in(*learner, "learner_model_param"));
  const XgboostObjective objective =
      TRY(xgboost_objective(TRY(text_in(*TRY(object_in(*learner, "objective")), "name"))));
  ForestModel model;
  model.transform = objective.transform;
  TRY(read_base(*parameters, model));
  read_feature_names(*learner, model);
  TRY(read_booster(*learner, model));
  read_best_iteration(*learner, model);
  const std::pair<int, int> release = release_of(document);
  if (is_estimated(*parameters, model, release)) model.base = base_margins(model.base, objective, release);
  TRY(check_forest(model));
  return model;
}

}  // namespace millrace::serving
