#pragma once

#include <boost/describe.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
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

// An experiment's row id; -1, which no row has, for what is not a number.
inline std::int64_t experiment_number(std::string_view id) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  return error == std::errc{} && end == id.data() + id.size() ? number : -1;
}

}  // namespace millrace::tracking
