#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/describe.hpp>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "tracking/entities.h"

namespace millrace::tracking {

inline constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();

// A param, or a tag of a run or an experiment, with its owner's number.
struct TagRow {
  std::int64_t owner = 0;
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(TagRow, (), (owner, key, value))

// "[1,2,3]", for json_each.
inline std::string json_list(std::span<const std::int64_t> numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ","));
}

// What a view shows, as the column lifecycle_stage has it; "" for all.
inline std::string_view stage_of(View view) {
  switch (view) {
    case View::kActiveOnly:
      return to_text(LifecycleStage::kActive);
    case View::kDeletedOnly:
      return to_text(LifecycleStage::kDeleted);
    case View::kAll:
      return {};
  }
  return {};
}

}  // namespace millrace::tracking
