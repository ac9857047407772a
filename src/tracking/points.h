#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/entities.h"

namespace millrace::db {
class Transaction;
}

namespace millrace::tracking {

// What is logged of a run's metrics, by their keys, each in the order in which it was logged.
using PointsByKey = std::map<std::string_view, std::vector<Point>>;

// Adds the points that are not there yet, and takes them into account in their series.
Result<void> add_points(db::Transaction& tx, std::int64_t run, const PointsByKey& points);

}  // namespace millrace::tracking
