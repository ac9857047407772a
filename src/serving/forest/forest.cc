#include "serving/forest/forest.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <limits>

namespace millrace::serving {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kMaxFeatures = 32767;

// Feature f owns two slots that differ only where it is missing: one sends such a row right, the other left.
constexpr std::size_t slot_of(std::size_t feature, bool default_left) { return 2 * feature + (default_left ? 1 : 0); }

// A tree's nodes in breadth-first order, so that siblings are neighbours.
struct Level {
  std::int32_t node;
  std::uint32_t depth;
};

std::vector<Level> breadth_first(const XgboostTree& tree) {
  std::vector<Level> order{{0, 0}};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto [node, depth] = order[i];
    if (tree.left[node] == -1) continue;
    order.push_back({tree.left[node], depth + 1});
    order.push_back({tree.right[node], depth + 1});
  }
  return order;
}

}  // namespace

Result<Forest> Forest::build(const XgboostModel& model) {
  if (model.num_feature > static_cast<std::int32_t>(kMaxFeatures)) {
    return fail(Code::kUnimplemented, "{} features are not supported; at most {} are", model.num_feature, kMaxFeatures);
  }
  Forest forest;
  forest.features_ = static_cast<std::size_t>(model.num_feature);
  forest.transform_ = model.objective.transform;
  forest.base_margins_ = model.base_margins;
  forest.tree_group_.assign(model.tree_group.begin(), model.tree_group.end());
  for (std::size_t tree = 0; tree < model.trees.size(); ++tree) {
    if (tree % kLanes == 0) forest.blocks_.push_back({.roots = {}, .depth = 0});
    const auto root = static_cast<std::uint32_t>(forest.nodes_.size());
    const std::uint32_t depth = TRY(forest.append(model.trees[tree], tree));
    forest.blocks_.back().roots[tree % kLanes] = root;
    forest.blocks_.back().depth = std::max(forest.blocks_.back().depth, depth);
  }
  forest.append_padding(model.trees.size());
  return forest;
}

// Answers the tree's depth.
Result<std::uint32_t> Forest::append(const XgboostTree& tree, std::size_t index) {
  const std::vector<Level> order = breadth_first(tree);
  const auto leaf_slot = static_cast<std::uint16_t>(2 * features_);
  std::size_t next_child = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int32_t node = order[i].node;
    if (tree.left[node] == -1) {
      nodes_.push_back({tree.threshold[node], leaf_slot, 0});
      continue;
    }
    const std::size_t skip = next_child - i;
    if (skip > std::numeric_limits<std::uint16_t>::max()) {
      return fail(Code::kUnimplemented, "tree {} is too wide: a level of more than 65535 nodes is not supported",
                  index);
    }
    const auto slot = slot_of(static_cast<std::size_t>(tree.feature[node]), tree.default_left[node]);
    nodes_.push_back({tree.threshold[node], static_cast<std::uint16_t>(slot), static_cast<std::uint16_t>(skip)});
    next_child += 2;
  }
  return order.back().depth;
}

// The last block's free lanes walk a lone leaf, whose value nobody adds.
void Forest::append_padding(std::size_t trees) {
  if (trees % kLanes == 0) return;
  const auto leaf = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({0.0F, static_cast<std::uint16_t>(2 * features_), 0});
  for (std::size_t lane = trees % kLanes; lane < kLanes; ++lane) blocks_.back().roots[lane] = leaf;
}

void Forest::fill_slots(std::span<const float> row, std::span<float> slots) const {
  for (std::size_t feature = 0; feature < features_; ++feature) {
    const float value = row[feature];
    const bool missing = std::isnan(value);
    slots[slot_of(feature, false)] = missing ? kInfinity : value;
    slots[slot_of(feature, true)] = missing ? -kInfinity : value;
  }
  slots[2 * features_] = -kInfinity;
}

void Forest::walk(const Block& block, const float* slots, std::span<float, kLanes> leaves) const {
  const Node* nodes = nodes_.data();
  std::array<std::uint32_t, kLanes> at = block.roots;
  for (std::uint32_t level = 0; level < block.depth; ++level) {
#pragma clang loop unroll(full) vectorize(disable)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Node node = nodes[at[lane]];
      at[lane] += node.skip + static_cast<std::uint32_t>(!(slots[node.slot] < node.threshold));
    }
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) leaves[lane] = nodes[at[lane]].threshold;
}

void Forest::row_margins(const float* slots, std::span<float> out) const {
  std::ranges::copy(base_margins_, out.begin());
  std::array<float, kLanes> leaves;
  std::size_t tree = 0;
  for (const Block& block : blocks_) {
    walk(block, slots, leaves);
    const std::size_t used = std::min(kLanes, tree_group_.size() - tree);
    for (std::size_t lane = 0; lane < used; ++lane, ++tree) out[tree_group_[tree]] += leaves[lane];
  }
}

void Forest::margins(std::span<const float> rows, std::span<float> out) const {
  boost::container::small_vector<float, 256> slots(2 * features_ + 1);
  const std::size_t count = out.size() / groups();
  for (std::size_t row = 0; row < count; ++row) {
    fill_slots(rows.subspan(row * features_, features_), slots);
    row_margins(slots.data(), out.subspan(row * groups(), groups()));
  }
}

void Forest::predict(std::span<const float> rows, std::span<float> out) const {
  boost::container::small_vector<float, 256> slots(2 * features_ + 1);
  boost::container::small_vector<float, 16> margin(groups());
  const std::size_t count = out.size() / outputs();
  for (std::size_t row = 0; row < count; ++row) {
    fill_slots(rows.subspan(row * features_, features_), slots);
    row_margins(slots.data(), margin);
    const std::size_t size = apply_transform(transform_, margin);
    std::copy_n(margin.begin(), size, out.begin() + static_cast<std::ptrdiff_t>(row * size));
  }
}

}  // namespace millrace::serving
