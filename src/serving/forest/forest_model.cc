#include "serving/forest/forest_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::serving {
namespace {

Result<void> check_leaf(const ForestModel& model, const Tree& tree, const TreeNode& leaf, std::size_t index) {
  if (!std::isfinite(leaf.value)) return data_loss("broken model file: tree {} has a leaf of {}", index, leaf.value);
  if (tree.leaf_vectors.empty()) return {};
  const std::size_t vectors = tree.leaf_vectors.size() / model.groups();
  if (!(leaf.value >= 0 && leaf.value < static_cast<double>(vectors))) {
    return data_loss("broken model file: tree {} has a leaf {} of {}", index, leaf.value, vectors);
  }
  return {};
}

Result<void> check_split(const ForestModel& model, const TreeNode& split, std::size_t index) {
  if (split.feature >= model.features) {
    return data_loss("broken model file: tree {} splits on feature {} of {}", index, split.feature, model.features);
  }
  if (split.categories >= static_cast<std::int32_t>(model.categories.size())) {
    return data_loss("broken model file: tree {} splits on categories that are not there", index);
  }
  if (std::isnan(split.value) || split.value == -std::numeric_limits<double>::infinity()) {
    return data_loss("broken model file: tree {} splits at {}", index, split.value);
  }
  return {};
}

Result<void> check_tree(const ForestModel& model, const Tree& tree, std::size_t index) {
  if (tree.nodes.empty()) return data_loss("broken model file: tree {} has no nodes", index);
  if (tree.group >= model.groups()) return data_loss("broken model file: tree {} adds to {}", index, tree.group);
  if (!std::isfinite(tree.weight)) return data_loss("broken model file: tree {} weighs {}", index, tree.weight);
  const auto count = static_cast<std::int32_t>(tree.nodes.size());
  std::vector<bool> met(tree.nodes.size());
  std::vector<std::int32_t> open{0};
  met[0] = true;
  while (!open.empty()) {
    const TreeNode& node = tree.nodes[open.back()];
    open.pop_back();
    if (node.is_leaf()) {
      TRY(check_leaf(model, tree, node, index));
      continue;
    }
    TRY(check_split(model, node, index));
    for (std::int32_t child : {node.left, node.right}) {
      if (child < 0 || child >= count) return data_loss("broken model file: tree {} has a child {}", index, child);
      if (met[child]) return data_loss("broken model file: tree {} meets node {} twice", index, child);
      met[child] = true;
      open.push_back(child);
    }
  }
  return {};
}

Result<void> check_sizes(const ForestModel& model) {
  if (model.features > kMaxFeatures) {
    return fail(Code::kUnimplemented, "{} features are not supported; at most {} are", model.features, kMaxFeatures);
  }
  if (model.groups() == 0 || model.groups() > kMaxGroups) {
    return fail(Code::kUnimplemented, "{} outputs are not supported; at most {} are", model.groups(), kMaxGroups);
  }
  if (!model.feature_names.empty() && model.feature_names.size() != model.features) {
    return data_loss("broken model file: {} feature names for {} features", model.feature_names.size(), model.features);
  }
  if (!std::ranges::all_of(model.base, [](double margin) { return std::isfinite(margin); })) {
    return data_loss("broken model file: base_score has no finite margin");
  }
  return {};
}

Result<void> check_linear(const LinearModel& linear) {
  const auto finite = [](double weight) { return std::isfinite(weight); };
  if (std::ranges::all_of(linear.weights, finite) && std::ranges::all_of(linear.biases, finite)) return {};
  return data_loss("broken model file: a linear model has a weight that is no number");
}

}  // namespace

Result<void> check_forest(const ForestModel& model) {
  TRY(check_sizes(model));
  for (const LinearModel& linear : model.linear) TRY(check_linear(linear));
  for (std::size_t i = 0; i < model.trees.size(); ++i) TRY(check_tree(model, model.trees[i], i));
  return {};
}

void keep_iterations(ForestModel& model, std::size_t count) {
  if (count == 0 || count >= model.iterations.size()) return;
  model.trees.resize(model.iterations[count - 1]);
  model.iterations.resize(count);
}

}  // namespace millrace::serving
