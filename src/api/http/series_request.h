#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "tracking/tracking.h"

namespace millrace::api {

// Reads the body that logs whole series, in one pass and without a tree of it:
//
//   {"series": [{"key": "loss", "values": [0.5, "NaN", null], "steps": [0, 10, 20], "timestamps": [1700000000000,
//   ...]}]}
//
// A value is a number, null (not a number) or one of the texts NaN, Infinity, inf and -inf, in any case. Without steps
// they count from "first_step", or 0; without timestamps (milliseconds since 1970) all are `now`. kInvalidArgument says
// where something is wrong: series[0].values[3] ...
Result<std::vector<tracking::NewSeries>> read_series(std::string_view body, Timestamp now);

}  // namespace millrace::api
