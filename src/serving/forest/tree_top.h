#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::serving {

// The uppermost levels of a tree as a complete tree, for sixteen rows at once: on few nodes it is quicker to compare
// all rows with every node and to pick than to walk. Where the tree ends earlier, what is below its leaf goes nowhere
// else.
template <class Value>
struct TreeTop {
  static constexpr std::size_t kLevels = 4;
  static constexpr std::size_t kNodes = (1 << kLevels) - 1;

  std::array<Value, kNodes> threshold;     // node i's children are 2 i + 1 and 2 i + 2
  std::array<std::uint32_t, kNodes> slot;  // as PackedNode's
  std::array<std::uint32_t, kNodes + 1> exits;
};

// `tile` holds slots times sixteen rows; `places` takes the exit of each row.
template <class Value>
using Climb = void (*)(const TreeTop<Value>& top, const Value* tile, std::uint32_t* places);

// One for each kind of vectors that this processor has, the widest last; their answers are the same.
template <class Value>
std::vector<Climb<Value>> climbs();

}  // namespace millrace::serving
