#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/forest/objective.h"
#include "serving/forest/xgboost_model.h"

namespace millrace::serving {

// A tree ensemble laid out to be walked fast: nodes of 8 bytes, siblings side by side, sixteen trees in step and no
// branch that depends on the data, missing values included. Answers what XGBoost's CPU predictor answers, to the bit:
// margins are floats, summed tree by tree from the base margin.
//
// Immutable; any number of threads may score at once.
class Forest {
 public:
  // kUnimplemented beyond 32 767 features or where a level of a tree is wider than 65 535 nodes.
  static Result<Forest> build(const XgboostModel& model);

  std::size_t features() const { return features_; }
  std::size_t groups() const { return base_margins_.size(); }
  // How many predictions a row has: its groups, or one for multi:softmax.
  std::size_t outputs() const { return transformed_size(transform_, groups()); }
  std::size_t tree_count() const { return tree_group_.size(); }

  // `rows` holds n rows of features() values, NaN = missing; `out` n rows of groups() margins.
  void margins(std::span<const float> rows, std::span<float> out) const;
  // The same, through the objective's transform; `out` holds n rows of outputs() predictions.
  void predict(std::span<const float> rows, std::span<float> out) const;

  // Trees walked in step: enough independent chains of loads to hide one another's latency.
  static constexpr std::size_t kLanes = 16;

 private:
  // One step: at += skip + !(slots[slot] < threshold). A leaf holds its value in `threshold`, skips 0 and looks at the
  // slot that is always minus infinity, so it stays where it is.
  struct Node {
    float threshold;
    std::uint16_t slot;
    std::uint16_t skip;  // from a node to its left child; the right one follows it
  };
  static_assert(sizeof(Node) == 8);

  struct Block {
    std::array<std::uint32_t, kLanes> roots;
    std::uint32_t depth;  // of its deepest tree
  };

  Result<std::uint32_t> append(const XgboostTree& tree, std::size_t index);
  void append_padding(std::size_t trees);
  void fill_slots(std::span<const float> row, std::span<float> slots) const;
  void walk(const Block& block, const float* slots, std::span<float, kLanes> leaves) const;
  void row_margins(const float* slots, std::span<float> out) const;

  std::size_t features_ = 0;
  Transform transform_ = Transform::kIdentity;
  std::vector<float> base_margins_;
  std::vector<Node> nodes_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> tree_group_;
};

}  // namespace millrace::serving
