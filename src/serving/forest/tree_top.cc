#include "serving/forest/tree_top.h"

#include <cstring>
#include <type_traits>

namespace millrace::serving {
namespace {

constexpr std::size_t kRows = 16;

template <class Value>
struct Vectors {
  using Whole = std::conditional_t<sizeof(Value) == 4, std::int32_t, std::int64_t>;
  using Values [[gnu::vector_size(kRows * sizeof(Value))]] = Value;
  using Masks [[gnu::vector_size(kRows * sizeof(Value))]] = Whole;
};

// Vectors stay local: what is inlined here is compiled for each kind of processor below.
template <class Value>
[[gnu::always_inline]] inline void climb(const TreeTop<Value>& top, const Value* tile, std::uint32_t* places) {
  using Masks = typename Vectors<Value>::Masks;
  constexpr std::size_t kLevels = TreeTop<Value>::kLevels;
  Masks turn[kLevels];  // right, level by level
  Masks exit{};
#pragma clang loop unroll(full)
  for (std::size_t level = 0; level < kLevels; ++level) {
    std::size_t count = std::size_t{1} << level;
    Masks right[1 << (kLevels - 1)];
#pragma clang loop unroll(full)
    for (std::size_t i = 0; i < count; ++i) {
      typename Vectors<Value>::Values values;
      std::memcpy(&values, tile + top.slot[count - 1 + i] * kRows, sizeof(values));
      right[i] = ~(values < top.threshold[count - 1 + i]);
    }
#pragma clang loop unroll(full)
    for (std::size_t above = 0; above < level; ++above) {
      count /= 2;
#pragma clang loop unroll(full)
      for (std::size_t i = 0; i < count; ++i) {
        right[i] = (turn[above] & right[i + count]) | (~turn[above] & right[i]);
      }
    }
    turn[level] = right[0];
    exit = exit + exit - right[0];
  }
  typename Vectors<Value>::Whole index[kRows];
  std::memcpy(index, &exit, sizeof(index));
  for (std::size_t row = 0; row < kRows; ++row) places[row] = top.exits[static_cast<std::size_t>(index[row])];
}

template <class Value>
void climb_plain(const TreeTop<Value>& top, const Value* tile, std::uint32_t* places) {
  climb(top, tile, places);
}

#if defined(__x86_64__)
template <class Value>
[[gnu::target("avx2")]] void climb_avx2(const TreeTop<Value>& top, const Value* tile, std::uint32_t* places) {
  climb(top, tile, places);
}

template <class Value>
[[gnu::target("avx512f,avx512vl,avx512dq,avx512bw")]] void climb_avx512(const TreeTop<Value>& top, const Value* tile,
                                                                        std::uint32_t* places) {
  climb(top, tile, places);
}
#endif

}  // namespace

template <class Value>
std::vector<Climb<Value>> climbs() {
  std::vector<Climb<Value>> all{climb_plain<Value>};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) all.push_back(climb_avx2<Value>);
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    all.push_back(climb_avx512<Value>);
  }
#endif
  return all;
}

template std::vector<Climb<float>> climbs();
template std::vector<Climb<double>> climbs();

}  // namespace millrace::serving
