#pragma once

#include <algorithm>
#include <functional>

namespace millrace::pipelines {

// std::ranges::contains, which libstdc++ 12 does not have.
template <typename Range, typename Value, typename Projection = std::identity>
bool contains(const Range& range, const Value& value, Projection projection = {}) {
  return std::ranges::find(range, value, projection) != std::ranges::end(range);
}

}  // namespace millrace::pipelines
