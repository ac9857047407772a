#include "serving/forest/tree_top.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace millrace::serving {
namespace {

constexpr std::size_t kSlots = 9;
constexpr std::size_t kRows = 16;

template <class Value>
Value draw(std::mt19937& random) {
  constexpr Value kInfinity = std::numeric_limits<Value>::infinity();
  constexpr Value kStrange[] = {kInfinity, -kInfinity, std::numeric_limits<Value>::quiet_NaN(), Value{0}, -Value{0}};
  const auto number = random() % 16;
  return number < 5 ? kStrange[number] : static_cast<Value>(number) / 4;
}

// Node by node, as PackedTrees walks.
template <class Value>
std::uint32_t walked(const TreeTop<Value>& top, const std::vector<Value>& tile, std::size_t row) {
  std::size_t node = 0;
  for (std::size_t level = 0; level < TreeTop<Value>::kLevels; ++level) {
    const bool left = tile[top.slot[node] * kRows + row] < top.threshold[node];
    node = 2 * node + (left ? 1 : 2);
  }
  return top.exits[node - TreeTop<Value>::kNodes];
}

template <class Value>
class TreeTopTest : public ::testing::Test {};
using Kinds = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TreeTopTest, Kinds);

TYPED_TEST(TreeTopTest, AllVectorsClimbAsAWalkDoes) {
  std::mt19937 random(1);
  for (int attempt = 0; attempt < 2000; ++attempt) {
    TreeTop<TypeParam> top;
    for (TypeParam& threshold : top.threshold) threshold = draw<TypeParam>(random);
    for (std::uint32_t& slot : top.slot) slot = random() % kSlots;
    for (std::uint32_t& exit : top.exits) exit = static_cast<std::uint32_t>(random());
    std::vector<TypeParam> tile(kSlots * kRows);
    for (TypeParam& value : tile) value = draw<TypeParam>(random);
    for (Climb<TypeParam> climb : climbs<TypeParam>()) {
      std::uint32_t places[kRows];
      climb(top, tile.data(), places);
      for (std::size_t row = 0; row < kRows; ++row) ASSERT_EQ(places[row], walked(top, tile, row));
    }
  }
}

}  // namespace
}  // namespace millrace::serving
