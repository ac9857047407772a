#include "serving/forest/forest.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>

namespace millrace::serving {
namespace {

// From so many rows on, one tree walks a tile of rows in place of one row a block of trees.
constexpr std::size_t kLeastTile = 8;
// The slots of the tiles that a tree walks before the next tree does: in bytes, about half of an L1 cache.
constexpr std::size_t kTilesBytes = 24 << 10;

template <class Value>
using Buffer = boost::container::small_vector<Value, 256>;

template <class Node, class Trees>
Result<void> pack(const ForestModel& model, const Slots& slots, Trees& trees) {
  trees = TRY(PackedTrees<Node>::build(model, slots));
  return {};
}

template <class Trees>
Result<void> pack_fitting(const ForestModel& model, const Slots& slots, Trees& trees) {
  if (model.precision == Precision::kDouble) return pack<DoubleNode>(model, slots, trees);
  const Result<void> packed = pack<NarrowNode>(model, slots, trees);
  if (packed || packed.error().code != Code::kOutOfRange) return packed;
  return pack<WideNode>(model, slots, trees);
}

}  // namespace

Result<Forest> Forest::build(const ForestModel& model) {
  Forest forest;
  forest.features_ = model.features;
  forest.base_ = model.base;
  forest.divisor_ = model.divisor;
  forest.transform_ = model.transform;
  forest.linear_ = model.linear;
  forest.slots_ = Slots(model);
  const Result<void> packed = pack_fitting(model, forest.slots_, forest.trees_);
  if (!packed) return fail(Code::kUnimplemented, "{}", packed.error().message);
  return forest;
}

std::size_t Forest::tree_count() const {
  return std::visit([](const auto& trees) { return trees.size(); }, trees_);
}

template <class Number>
Forest::Task<Number> Forest::Task<Number>::after(std::size_t done, const Forest& forest) const {
  return {rows + done * forest.features_, out + done * forest.width(answer), count - done, answer};
}

// Of a task's first rows, as many as there are margins.
template <class Value, class Number>
void Forest::answer_rows(std::span<Value> margins, const Task<Number>& task) const {
  Number* out = task.out;
  for (; !margins.empty(); margins = margins.subspan(groups())) {
    std::span<Value> row = margins.first(groups());
    if (task.answer == Answer::kPredictions) {
      if (divisor_ != 1) {
        for (Value& value : row) value /= static_cast<Value>(divisor_);
      }
      row = row.first(apply_transform(transform_, row));
    }
    out = std::ranges::copy(row, out).out;
  }
}

template <class Trees, class Number>
void Forest::score_rows(const Trees& trees, const Task<Number>& task) const {
  using Value = typename Trees::Value;
  Buffer<Value> slots(slots_.size(), boost::container::default_init);
  Buffer<Value> margins(groups(), boost::container::default_init);
  for (std::size_t row = 0; row < task.count; ++row) {
    const Task<Number> at = task.after(row, *this);
    slots_.fill(at.rows, slots.data(), 1);
    std::ranges::transform(base_, margins.begin(), [](double margin) { return static_cast<Value>(margin); });
    trees.add_row(slots.data(), margins.data());
    answer_rows(std::span<Value>(margins), at);
  }
}

// Lanes behind the last row walk that row again, for nobody.
template <class Trees, class Number>
void Forest::score_tiles(const Trees& trees, const Task<Number>& task) const {
  using Value = typename Trees::Value;
  constexpr std::size_t kLanes = Trees::kLanes;
  const std::size_t tile = slots_.size() * kLanes;
  const std::size_t most = std::max<std::size_t>(1, kTilesBytes / (tile * sizeof(Value)));
  const std::size_t tiles = std::min(most, (task.count + kLanes - 1) / kLanes);
  std::vector<Value> slots(tiles * tile);
  std::vector<Value> margins(tiles * kLanes * groups());
  for (std::size_t row = 0; row < task.count; row += tiles * kLanes) {
    const Task<Number> at = task.after(row, *this);
    const std::size_t count = std::min(at.count, tiles * kLanes);
    const std::size_t used = (count + kLanes - 1) / kLanes;
    for (std::size_t i = 0; i < used * kLanes; ++i) {
      const Number* from = at.rows + std::min(i, count - 1) * features_;
      slots_.fill(from, slots.data() + i / kLanes * tile + i % kLanes, kLanes);
      std::ranges::transform(base_, margins.begin() + static_cast<std::ptrdiff_t>(i * groups()),
                             [](double margin) { return static_cast<Value>(margin); });
    }
    trees.add_tiles(slots.data(), slots_.size(), used, margins.data());
    answer_rows(std::span<Value>(margins).first(count * groups()), at);
  }
}

// src/gbm/gblinear.cc in dmlc/xgboost: floats, feature by feature; all outputs start from the first base score.
template <class Number>
void Forest::score_linear(const Task<Number>& task) const {
  const LinearModel& linear = linear_.front();
  Buffer<float> margins(groups());
  for (std::size_t row = 0; row < task.count; ++row) {
    const Task<Number> at = task.after(row, *this);
    for (std::size_t group = 0; group < groups(); ++group) {
      float sum = static_cast<float>(linear.biases[group]) + static_cast<float>(base_[0]);
      for (std::size_t feature = 0; feature < features_; ++feature) {
        const auto value = static_cast<float>(at.rows[feature]);
        if (!std::isnan(value)) sum += value * static_cast<float>(linear.weights[feature * groups() + group]);
      }
      margins[group] = sum;
    }
    answer_rows(std::span<float>(margins), at);
  }
}

template <class Number>
void Forest::score(const Task<Number>& task) const {
  if (!linear_.empty()) return score_linear(task);
  std::visit([&](const auto& trees) { task.count < kLeastTile ? score_rows(trees, task) : score_tiles(trees, task); },
             trees_);
}

template <class Number>
void Forest::margins(std::span<const Number> rows, std::span<Number> out) const {
  score<Number>({rows.data(), out.data(), out.size() / groups(), Answer::kMargins});
}

template <class Number>
void Forest::predict(std::span<const Number> rows, std::span<Number> out) const {
  score<Number>({rows.data(), out.data(), out.size() / outputs(), Answer::kPredictions});
}

template void Forest::margins(std::span<const float>, std::span<float>) const;
template void Forest::margins(std::span<const double>, std::span<double>) const;
template void Forest::predict(std::span<const float>, std::span<float>) const;
template void Forest::predict(std::span<const double>, std::span<double>) const;

}  // namespace millrace::serving
