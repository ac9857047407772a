#include "serving/forest/packed_trees.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::serving {
namespace {

// A tree's nodes in breadth-first order, so that siblings are neighbours.
struct Placed {
  std::int32_t node;
  std::uint32_t depth;
};

std::vector<Placed> breadth_first(const Tree& tree) {
  std::vector<Placed> order{{0, 0}};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto [node, depth] = order[i];
    if (tree.nodes[node].is_leaf()) continue;
    order.push_back({tree.nodes[node].left, depth + 1});
    order.push_back({tree.nodes[node].right, depth + 1});
  }
  return order;
}

// A place that a Value can hold exactly.
template <class Value>
Result<Value> as_value(std::size_t place) {
  if (place >= std::size_t{1} << std::numeric_limits<Value>::digits) {
    return fail(Code::kOutOfRange, "the model is too large: {} values in one table", place);
  }
  return static_cast<Value>(place);
}

}  // namespace

template <class Node>
Result<PackedTrees<Node>> PackedTrees<Node>::build(const ForestModel& model, const Slots& slots) {
  PackedTrees packed;
  packed.groups_ = model.groups();
  for (const Tree& tree : model.trees) TRY(packed.append(model, tree, slots));
  packed.one_sum_ = packed.groups_ == 1 && packed.leaf_vectors_.empty();
  packed.make_blocks(slots);
  return packed;
}

template <class Node>
Result<void> PackedTrees<Node>::append(const ForestModel& model, const Tree& tree, const Slots& slots) {
  const std::vector<Placed> order = breadth_first(tree);
  if (nodes_.size() + order.size() > std::numeric_limits<std::uint32_t>::max()) {
    return fail(Code::kUnimplemented, "more than 4294967295 nodes are not supported");
  }
  PackedTree packed{
      .root = static_cast<std::uint32_t>(nodes_.size()), .depth = order.back().depth, .group = tree.group};
  std::size_t next_child = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const TreeNode& node = tree.nodes[order[i].node];
    if (node.is_leaf()) {
      nodes_.push_back(TRY(pack_leaf(tree, node, slots)));
      continue;
    }
    nodes_.push_back(TRY(pack_split(model, node, slots, next_child - i)));
    packed.categorical |= node.categories >= 0;
    next_child += 2;
  }
  if (!tree.leaf_vectors.empty()) {
    packed.vectors = static_cast<std::int32_t>(leaf_vectors_.size());
    for (double value : tree.leaf_vectors) {
      leaf_vectors_.push_back(static_cast<Value>(value) * static_cast<Value>(tree.weight));
    }
  }
  trees_.push_back(packed);
  return {};
}

template <class Node>
Result<Node> PackedTrees<Node>::pack_leaf(const Tree& tree, const TreeNode& leaf, const Slots& slots) const {
  auto value = static_cast<Value>(leaf.value);
  if (tree.leaf_vectors.empty()) {
    value *= static_cast<Value>(tree.weight);
  } else {
    value = TRY(as_value<Value>(static_cast<std::size_t>(leaf.value)));
  }
  return Node{value, static_cast<typename Node::Index>(slots.last()), 0};
}

template <class Node>
Result<Node> PackedTrees<Node>::pack_split(const ForestModel& model, const TreeNode& split, const Slots& slots,
                                           std::size_t skip) {
  using Index = typename Node::Index;
  const std::size_t slot = slots.find(split.feature, split.view);
  if (skip > std::numeric_limits<Index>::max() || slots.last() >= Node::kCategories) {
    return fail(Code::kOutOfRange, "a level of {} nodes and {} features are too many", skip, slots.last());
  }
  Node node{static_cast<Value>(split.value), static_cast<Index>(slot), static_cast<Index>(skip)};
  if (split.categories >= 0) {
    node.slot |= Node::kCategories;
    node.threshold = TRY(pack_categories(model.categories[split.categories]));
  }
  return node;
}

template <class Node>
auto PackedTrees<Node>::pack_categories(const std::vector<std::uint32_t>& set) -> Result<Value> {
  const Value place = TRY(as_value<Value>(categories_.size()));
  categories_.push_back(static_cast<std::uint32_t>(set.size()));
  categories_.insert(categories_.end(), set.begin(), set.end());
  return place;
}

// Below a leaf that ends early all nodes are that leaf: it compares with minus infinity and goes left, to itself.
template <class Node>
auto PackedTrees<Node>::make_top(std::uint32_t root) const -> Top {
  Top top{};
  std::array<std::uint32_t, 2 * Top::kNodes + 1> places{root};
  for (std::size_t i = 0; i < Top::kNodes; ++i) {
    const Node& node = nodes_[places[i]];
    top.threshold[i] = node.threshold;
    top.slot[i] = node.slot;
    places[2 * i + 1] = places[i] + node.skip;
    places[2 * i + 2] = places[i] + (node.skip == 0 ? 0 : node.skip + 1);
  }
  std::copy_n(places.begin() + Top::kNodes, top.exits.size(), top.exits.begin());
  return top;
}

// The last block's free lanes walk a lone leaf, whose value nobody adds.
template <class Node>
void PackedTrees<Node>::make_blocks(const Slots& slots) {
  const auto idle = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({0, static_cast<typename Node::Index>(slots.last()), 0});
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    if (i % kLanes == 0) blocks_.emplace_back().roots.fill(idle);
    Block& block = blocks_.back();
    block.roots[i % kLanes] = trees_[i].root;
    block.depth = std::max(block.depth, trees_[i].depth);
    block.categorical |= trees_[i].categorical;
    tops_.push_back(trees_[i].categorical ? Top{} : make_top(trees_[i].root));
  }
}

template <class Node>
bool PackedTrees<Node>::in_categories(Value value, Value set) const {
  const std::uint32_t* words = categories_.data() + static_cast<std::size_t>(set);
  if (!(value >= 0)) return std::isnan(value);  // a missing value goes where members go
  if (value >= static_cast<Value>(words[0]) * 32) return false;
  const auto category = static_cast<std::uint32_t>(value);
  return (words[1 + category / 32] >> (category % 32) & 1) != 0;
}

template <class Node>
template <bool categorical>
std::uint32_t PackedTrees<Node>::step(const Node& node, Value value) const {
  if constexpr (categorical) {
    if ((node.slot & Node::kCategories) != 0) {
      return node.skip + static_cast<std::uint32_t>(in_categories(value, node.threshold));
    }
  }
  return node.skip + static_cast<std::uint32_t>(!(value < node.threshold));
}

template <class Node>
template <bool categorical>
void PackedTrees<Node>::walk_trees(const Block& block, const Value* slots, Places& at) const {
  constexpr auto kMask = static_cast<typename Node::Index>(categorical ? ~Node::kCategories : ~0);
  const Node* nodes = nodes_.data();
  Places places = block.roots;
  for (std::uint32_t level = 0; level < block.depth; ++level) {
#pragma clang loop unroll(full) vectorize(disable)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Node node = nodes[places[lane]];
      places[lane] += step<categorical>(node, slots[node.slot & kMask]);
    }
  }
  at = places;
}

// From where the rows are, so many levels down.
template <class Node>
template <bool categorical>
void PackedTrees<Node>::walk_rows(std::uint32_t levels, const Value* tile, Places& at) const {
  constexpr auto kMask = static_cast<typename Node::Index>(categorical ? ~Node::kCategories : ~0);
  const Node* nodes = nodes_.data();
  Places places = at;
  for (std::uint32_t level = 0; level < levels; ++level) {
#pragma clang loop unroll(full) vectorize(disable)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Node node = nodes[places[lane]];
      places[lane] += step<categorical>(node, tile[static_cast<std::size_t>(node.slot & kMask) * kLanes + lane]);
    }
  }
  at = places;
}

template <class Node>
void PackedTrees<Node>::walk_tile(std::size_t tree, const Value* tile, Places& at) const {
  const PackedTree& packed = trees_[tree];
  if (packed.categorical) {
    at.fill(packed.root);
    return walk_rows<true>(packed.depth, tile, at);
  }
  climb_(tops_[tree], tile, at.data());
  if (packed.depth > Top::kLevels) walk_rows<false>(packed.depth - Top::kLevels, tile, at);
}

template <class Node>
void PackedTrees<Node>::add_leaf(const PackedTree& tree, std::uint32_t leaf, Value* margins) const {
  const Value value = nodes_[leaf].threshold;
  if (tree.vectors < 0) {
    margins[tree.group] += value;
    return;
  }
  const Value* vector = leaf_vectors_.data() + tree.vectors + static_cast<std::size_t>(value) * groups_;
  for (std::size_t group = 0; group < groups_; ++group) margins[group] += vector[group];
}

// The leaves of a block's trees, from the first of them on. One sum stays in a register.
template <class Node>
void PackedTrees<Node>::add_block(const Places& at, std::size_t first, Value* margins) const {
  const std::size_t used = std::min(kLanes, trees_.size() - first);
  if (!one_sum_) {
    for (std::size_t lane = 0; lane < used; ++lane) add_leaf(trees_[first + lane], at[lane], margins);
    return;
  }
  Value sum = *margins;
  for (std::size_t lane = 0; lane < used; ++lane) sum += nodes_[at[lane]].threshold;
  *margins = sum;
}

template <class Node>
void PackedTrees<Node>::add_tile(const PackedTree& tree, const Places& at, Value* margins) const {
  if (!one_sum_) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) add_leaf(tree, at[lane], margins + lane * groups_);
    return;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) margins[lane] += nodes_[at[lane]].threshold;
}

template <class Node>
void PackedTrees<Node>::add_row(const Value* slots, Value* margins) const {
  Places at;
  std::size_t tree = 0;
  for (const Block& block : blocks_) {
    block.categorical ? walk_trees<true>(block, slots, at) : walk_trees<false>(block, slots, at);
    add_block(at, tree, margins);
    tree += kLanes;
  }
}

template <class Node>
void PackedTrees<Node>::add_tiles(const Value* slots, std::size_t width, std::size_t tiles, Value* margins) const {
  Places at;
  for (std::size_t tree = 0; tree < trees_.size(); ++tree) {
    for (std::size_t tile = 0; tile < tiles; ++tile) {
      walk_tile(tree, slots + tile * width * kLanes, at);
      add_tile(trees_[tree], at, margins + tile * kLanes * groups_);
    }
  }
}

template class PackedTrees<NarrowNode>;
template class PackedTrees<WideNode>;
template class PackedTrees<DoubleNode>;

}  // namespace millrace::serving
