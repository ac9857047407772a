#include "serving/forest/slots.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace millrace::serving {
namespace {

// LightGBM's kZeroThreshold (include/LightGBM/meta.h).
constexpr double kZero = 1e-35F;

template <class Value>
constexpr Value kLowest = -std::numeric_limits<Value>::infinity();

// Doubles are LightGBM's, where next to nothing is 0, and where infinity is not above a threshold of infinity: so it is
// made the largest number, which is below.
template <class Value>
Value normal(Value x) {
  if constexpr (std::is_same_v<Value, float>) return x;
  if (x == std::numeric_limits<Value>::infinity()) return std::numeric_limits<Value>::max();
  return std::fabs(x) <= kZero ? 0.0 : x;
}

// Where 0 is as good as missing.
template <class Value>
bool is_nothing(Value x) {
  return std::isnan(x) || x == 0;
}

template <View view, class Value>
Value seen(Value x) {
  if constexpr (view == View::kMissingLeft) return std::isnan(x) ? kLowest<Value> : x;
  if constexpr (view == View::kMissingZero) return std::isnan(x) ? Value{0} : x;
  if constexpr (view == View::kZeroLeft) return is_nothing(x) ? kLowest<Value> : x;
  if constexpr (view == View::kZeroRight) return is_nothing(x) ? std::numeric_limits<Value>::quiet_NaN() : x;
  if constexpr (view == View::kWhole) return std::isnan(x) ? kLowest<Value> : std::trunc(x);
  return x;
}

template <View view, class Value, class Number>
void fill_segment(std::span<const std::uint32_t> features, const Number* row, Value* out, std::size_t stride) {
  for (std::size_t i = 0; i < features.size(); ++i) {
    out[i * stride] = seen<view>(normal(static_cast<Value>(row[features[i]])));
  }
}

}  // namespace

Slots::Slots(const ForestModel& model) {
  std::vector<std::pair<View, std::uint32_t>> used;
  for (const Tree& tree : model.trees) {
    for (const TreeNode& node : tree.nodes) {
      if (!node.is_leaf() && node.feature < model.features) used.emplace_back(node.view, node.feature);
    }
  }
  std::ranges::sort(used);
  const auto repeated = std::ranges::unique(used);
  used.erase(repeated.begin(), repeated.end());
  for (const auto& [view, feature] : used) {
    if (segments_.empty() || segments_.back().view != view) {
      segments_.push_back({.view = view, .begin = features_.size(), .end = features_.size()});
    }
    features_.push_back(feature);
    segments_.back().end = features_.size();
  }
}

std::size_t Slots::find(std::uint32_t feature, View view) const {
  const auto segment = std::ranges::find(segments_, view, &Segment::view);
  const auto begin = features_.begin();
  const auto from = begin + static_cast<std::ptrdiff_t>(segment->begin);
  const auto to = begin + static_cast<std::ptrdiff_t>(segment->end);
  return static_cast<std::size_t>(std::lower_bound(from, to, feature) - begin);
}

template <class Value, class Number>
void Slots::fill(const Number* row, Value* out, std::size_t stride) const {
  for (const Segment& segment : segments_) {
    const std::span features = std::span(features_).subspan(segment.begin, segment.end - segment.begin);
    Value* const to = out + segment.begin * stride;
    switch (segment.view) {
      case View::kAsIs:
        fill_segment<View::kAsIs>(features, row, to, stride);
        break;
      case View::kMissingLeft:
        fill_segment<View::kMissingLeft>(features, row, to, stride);
        break;
      case View::kMissingZero:
        fill_segment<View::kMissingZero>(features, row, to, stride);
        break;
      case View::kZeroLeft:
        fill_segment<View::kZeroLeft>(features, row, to, stride);
        break;
      case View::kZeroRight:
        fill_segment<View::kZeroRight>(features, row, to, stride);
        break;
      case View::kWhole:
        fill_segment<View::kWhole>(features, row, to, stride);
        break;
    }
  }
  out[last() * stride] = kLowest<Value>;
}

template void Slots::fill(const float*, float*, std::size_t) const;
template void Slots::fill(const double*, float*, std::size_t) const;
template void Slots::fill(const float*, double*, std::size_t) const;
template void Slots::fill(const double*, double*, std::size_t) const;

}  // namespace millrace::serving
