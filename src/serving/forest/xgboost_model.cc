#include "serving/forest/xgboost_model.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <ranges>

#include "serving/forest/model_document.h"

namespace millrace::serving {
namespace {

constexpr std::int32_t kMaxGroups = 1 << 16;

Result<const ModelValue*> member(const ModelValue& object, std::string_view key, ModelValue::Kind kind) {
  const ModelValue* found = object.find(key);
  if (found == nullptr || found->kind != kind) return data_loss("broken model file: no {} where one must be", key);
  return found;
}

Result<const ModelValue*> object_in(const ModelValue& parent, std::string_view key) {
  return member(parent, key, ModelValue::Kind::kObject);
}

Result<std::string_view> text_in(const ModelValue& parent, std::string_view key) {
  return std::string_view(TRY(member(parent, key, ModelValue::Kind::kString))->text);
}

Result<const std::vector<double>*> numbers_in(const ModelValue& parent, std::string_view key, std::size_t size) {
  const ModelValue* array = TRY(member(parent, key, ModelValue::Kind::kArray));
  if (array->numbers.size() != size) {
    return data_loss("broken model file: {} holds {} numbers, not {}", key, array->numbers.size(), size);
  }
  return &array->numbers;
}

// XGBoost writes its scalar parameters as strings.
Result<std::int32_t> count_in(const ModelValue& parent, std::string_view key, std::int32_t least, std::int32_t most) {
  const std::string_view text = TRY(text_in(parent, key));
  std::int32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    return data_loss("broken model file: {} is \"{}\"", key, text);
  }
  return value;
}

Result<std::vector<std::int32_t>> indices(const std::vector<double>& numbers, std::string_view key) {
  std::vector<std::int32_t> result;
  result.reserve(numbers.size());
  for (double number : numbers) {
    if (!(number >= std::numeric_limits<std::int32_t>::min() && number <= std::numeric_limits<std::int32_t>::max())) {
      return data_loss("broken model file: {} holds {}", key, number);
    }
    result.push_back(static_cast<std::int32_t>(number));
  }
  return result;
}

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

Result<std::vector<float>> base_margins(const ModelValue& parameters, const XgboostModel& model) {
  std::vector<float> scores = TRY(base_scores(TRY(text_in(parameters, "base_score"))));
  const auto groups = static_cast<std::size_t>(model.groups);
  if (scores.size() == 1) scores.resize(groups, scores.front());
  if (scores.size() != groups)
    return data_loss("broken model file: {} base scores for {} groups", scores.size(), groups);
  for (float& score : scores) {
    score = base_margin(model.objective.link, score);
    if (!std::isfinite(score)) return data_loss("broken model file: base_score has no finite margin");
  }
  return scores;
}

Result<void> refuse_categorical(const ModelValue& tree, std::size_t index) {
  const ModelValue* types = tree.find("split_type");
  if (types == nullptr) return {};
  for (double type : types->numbers) {
    if (type != 0) return fail(Code::kUnimplemented, "tree {} splits on a category, which is not supported", index);
  }
  return {};
}

Result<XgboostTree> read_tree(const ModelValue& document, std::size_t index) {
  const ModelValue* parameters = TRY(object_in(document, "tree_param"));
  const auto nodes =
      static_cast<std::size_t>(TRY(count_in(*parameters, "num_nodes", 1, std::numeric_limits<std::int32_t>::max())));
  if (TRY(count_in(*parameters, "size_leaf_vector", 0, kMaxGroups)) > 1) {
    return fail(Code::kUnimplemented, "tree {} has vector leaves, which are not supported", index);
  }
  TRY(refuse_categorical(document, index));
  XgboostTree tree;
  tree.left = TRY(indices(*TRY(numbers_in(document, "left_children", nodes)), "left_children"));
  tree.right = TRY(indices(*TRY(numbers_in(document, "right_children", nodes)), "right_children"));
  tree.feature = TRY(indices(*TRY(numbers_in(document, "split_indices", nodes)), "split_indices"));
  for (double value : *TRY(numbers_in(document, "split_conditions", nodes))) {
    tree.threshold.push_back(static_cast<float>(value));
  }
  for (double value : *TRY(numbers_in(document, "default_left", nodes))) tree.default_left.push_back(value != 0);
  return tree;
}

Result<void> check_node(const XgboostTree& tree, std::int32_t node, std::int32_t num_feature, std::size_t index) {
  const float threshold = tree.threshold[node];
  if (tree.left[node] == -1) {
    if (!std::isfinite(threshold)) return data_loss("broken model file: tree {} has a leaf of {}", index, threshold);
    return {};
  }
  if (tree.feature[node] < 0 || tree.feature[node] >= num_feature) {
    return data_loss("broken model file: tree {} splits on feature {} of {}", index, tree.feature[node], num_feature);
  }
  if (std::isnan(threshold) || threshold == -std::numeric_limits<float>::infinity()) {
    return data_loss("broken model file: tree {} splits at {}", index, threshold);
  }
  return {};
}

// Walks from the root: every child in range and met once, so there is no cycle. Nodes that pruning cut off are not met.
Result<void> check_tree(const XgboostTree& tree, std::int32_t num_feature, std::size_t index) {
  const auto nodes = static_cast<std::int32_t>(tree.left.size());
  std::vector<bool> met(tree.left.size());
  std::vector<std::int32_t> open{0};
  met[0] = true;
  while (!open.empty()) {
    const std::int32_t node = open.back();
    open.pop_back();
    TRY(check_node(tree, node, num_feature, index));
    if (tree.left[node] == -1) continue;
    for (std::int32_t child : {tree.left[node], tree.right[node]}) {
      if (child < 0 || child >= nodes) return data_loss("broken model file: tree {} has a child {}", index, child);
      if (met[child]) return data_loss("broken model file: tree {} meets node {} twice", index, child);
      met[child] = true;
      open.push_back(child);
    }
  }
  return {};
}

Result<void> read_trees(const ModelValue& document, XgboostModel& model) {
  const ModelValue* trees = TRY(member(document, "trees", ModelValue::Kind::kArray));
  for (const ModelValue& tree : trees->items) {
    const std::size_t index = model.trees.size();
    model.trees.push_back(TRY(read_tree(tree, index)));
    TRY(check_tree(model.trees.back(), model.num_feature, index));
  }
  model.tree_group = TRY(indices(*TRY(numbers_in(document, "tree_info", model.trees.size())), "tree_info"));
  for (std::int32_t group : model.tree_group) {
    if (group < 0 || group >= model.groups) return data_loss("broken model file: tree_info holds {}", group);
  }
  return {};
}

Result<std::int32_t> read_groups(const ModelValue& parameters) {
  const std::int32_t classes = std::max(1, TRY(count_in(parameters, "num_class", 0, kMaxGroups)));
  const bool has_targets = parameters.find("num_target") != nullptr;  // older files have none
  const std::int32_t targets = has_targets ? std::max(1, TRY(count_in(parameters, "num_target", 0, kMaxGroups))) : 1;
  if (classes > 1 && targets > 1)
    return fail(Code::kUnimplemented, "several targets of several classes are not supported");
  return classes * targets;
}

Result<void> read_feature_names(const ModelValue& learner, XgboostModel& model) {
  const ModelValue* names = learner.find("feature_names");
  if (names == nullptr) return {};
  for (const ModelValue& name : names->items) model.feature_names.push_back(name.text);
  if (!model.feature_names.empty() && model.feature_names.size() != static_cast<std::size_t>(model.num_feature)) {
    return data_loss("broken model file: {} feature names for {} features", model.feature_names.size(),
                     model.num_feature);
  }
  return {};
}

}  // namespace

Result<XgboostModel> read_xgboost_model(std::string_view bytes) {
  const ModelValue document = TRY(read_model_document(bytes));
  const ModelValue* learner = TRY(object_in(document, "learner"));
  const ModelValue* booster = TRY(object_in(*learner, "gradient_booster"));
  const std::string_view kind = TRY(text_in(*booster, "name"));
  if (kind != "gbtree") return fail(Code::kUnimplemented, "booster {} is not supported; only gbtree is", kind);

  XgboostModel model;
  const ModelValue* parameters = TRY(object_in(*learner, "learner_model_param"));
  model.num_feature = TRY(count_in(*parameters, "num_feature", 0, std::numeric_limits<std::int32_t>::max()));
  model.groups = TRY(read_groups(*parameters));
  model.objective = TRY(objective_by_name(TRY(text_in(*TRY(object_in(*learner, "objective")), "name"))));
  model.base_margins = TRY(base_margins(*parameters, model));
  TRY(read_feature_names(*learner, model));
  TRY(read_trees(*TRY(object_in(*booster, "model")), model));
  return model;
}

}  // namespace millrace::serving
