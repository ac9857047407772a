#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "serving/forest/forest_model.h"
#include "serving/forest/slots.h"
#include "serving/forest/tree_top.h"

namespace millrace::serving {

// One step of a walk: at += skip + !(slots[slot] < threshold). A leaf holds its value in `threshold`, skips 0 and looks
// at the slot that is minus infinity, so it stays where it is, and all trees may be walked equally far.
template <class V, class I>
struct PackedNode {
  using Value = V;
  using Index = I;
  // In `slot`: the threshold is where in the table of categories the split's set stands.
  static constexpr Index kCategories = static_cast<Index>(Index{1} << (8 * sizeof(Index) - 1));

  Value threshold;
  Index slot;
  Index skip;  // from a node to its left child; the right one follows it
};

using NarrowNode = PackedNode<float, std::uint16_t>;  // 8 bytes
using WideNode = PackedNode<float, std::uint32_t>;    // where 16 bits are too few
using DoubleNode = PackedNode<double, std::uint32_t>;
static_assert(sizeof(NarrowNode) == 8);

// Trees laid out to be walked fast: breadth first, so that siblings are neighbours; no branch depends on the data but
// at splits on categories; sixteen walks go in step, of one row through sixteen trees or of sixteen rows through one
// tree (below its top), and hide one another's latency. Leaves are summed tree by tree.
template <class Node>
class PackedTrees {
 public:
  using Value = typename Node::Value;
  static constexpr std::size_t kLanes = 16;

  // kOutOfRange where the model does not fit Node's numbers.
  static Result<PackedTrees> build(const ForestModel& model, const Slots& slots);

  // Adds the leaves of one row to `margins`, one a group.
  void add_row(const Value* slots, Value* margins) const;
  // The same for `tiles` times kLanes rows. Slots stand as tiles of `width` slots times kLanes rows, margins as rows.
  void add_tiles(const Value* slots, std::size_t width, std::size_t tiles, Value* margins) const;

  std::size_t size() const { return trees_.size(); }

 private:
  using Places = std::array<std::uint32_t, kLanes>;
  using Top = TreeTop<Value>;

  struct PackedTree {
    std::uint32_t root = 0;
    std::uint32_t depth = 0;
    std::uint32_t group = 0;
    std::int32_t vectors = -1;  // where in leaf_vectors_ its leaves' values begin; -1: the leaves hold them
    bool categorical = false;
  };

  struct Block {
    Places roots;
    std::uint32_t depth = 0;  // of its deepest tree
    bool categorical = false;
  };

  Result<void> append(const ForestModel& model, const Tree& tree, const Slots& slots);
  Result<Node> pack_split(const ForestModel& model, const TreeNode& split, const Slots& slots, std::size_t skip);
  Result<Node> pack_leaf(const Tree& tree, const TreeNode& leaf, const Slots& slots) const;
  Result<Value> pack_categories(const std::vector<std::uint32_t>& set);
  void make_blocks(const Slots& slots);
  Top make_top(std::uint32_t root) const;

  bool in_categories(Value value, Value set) const;
  template <bool categorical>
  std::uint32_t step(const Node& node, Value value) const;
  template <bool categorical>
  void walk_trees(const Block& block, const Value* slots, Places& at) const;
  template <bool categorical>
  void walk_rows(std::uint32_t levels, const Value* tile, Places& at) const;
  void walk_tile(std::size_t tree, const Value* tile, Places& at) const;
  void add_leaf(const PackedTree& tree, std::uint32_t leaf, Value* margins) const;
  void add_block(const Places& at, std::size_t first, Value* margins) const;
  void add_tile(const PackedTree& tree, const Places& at, Value* margins) const;

  std::size_t groups_ = 1;
  bool one_sum_ = true;  // one group, and leaves that hold their values
  std::vector<Node> nodes_;
  std::vector<PackedTree> trees_;
  std::vector<Block> blocks_;
  std::vector<Top> tops_;  // one a tree
  Climb<Value> climb_ = climbs<Value>().back();
  std::vector<std::uint32_t> categories_;  // sets, each its length in words and then its words
  std::vector<Value> leaf_vectors_;
};

extern template class PackedTrees<NarrowNode>;
extern template class PackedTrees<WideNode>;
extern template class PackedTrees<DoubleNode>;

}  // namespace millrace::serving
