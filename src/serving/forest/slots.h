#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "serving/forest/forest_model.h"

namespace millrace::serving {

// What the splits of a model compare: each used pair of a feature and a view has a slot, and so a walk needs no branch
// for missing values. Behind them stands one that is minus infinity, always: leaves compare with it.
class Slots {
 public:
  Slots() = default;
  explicit Slots(const ForestModel& model);

  // With the last one.
  std::size_t size() const { return features_.size() + 1; }
  std::size_t last() const { return features_.size(); }
  // Of a pair that a split of the model has.
  std::size_t find(std::uint32_t feature, View view) const;

  // Fills the slots of one row; slot i goes to out[i * stride]. Numbers are narrowed to Value first.
  template <class Value, class Number>
  void fill(const Number* row, Value* out, std::size_t stride) const;

 private:
  struct Segment {
    View view;
    std::size_t begin, end;
  };

  std::vector<std::uint32_t> features_;  // of each slot; sorted within its segment
  std::vector<Segment> segments_;        // one a view
};

}  // namespace millrace::serving
