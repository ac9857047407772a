#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::features {

// What becomes of an expression's values over a window. Nulls and NaN are not counted. stddev is the sample's.
enum class Aggregate : std::uint8_t { kNewest, kCount, kSum, kMean, kMin, kMax, kStddev };

// "count", "sum", "mean", "min", "max", "stddev"; "newest", which is not written in documents.
std::string_view aggregate_name(Aggregate aggregate);

}  // namespace millrace::features
