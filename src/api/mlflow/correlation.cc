#include "api/mlflow/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::api::mlflow {

double npmi(const Contingency& counts, double smoothing) {
  constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
  const std::int64_t neither = counts.total - counts.first - counts.second + counts.both;
  const bool possible = counts.both <= std::min(counts.first, counts.second) && neither >= 0;
  if (counts.first == 0 || counts.second == 0 || !possible) return kUndefined;
  if (counts.both == 0 && smoothing == 0) return -1;
  if (counts.both == counts.total) return 1;
  const double both = static_cast<double>(counts.both) + smoothing;
  const double first = static_cast<double>(counts.first) + 2 * smoothing;
  const double second = static_cast<double>(counts.second) + 2 * smoothing;
  const double total = static_cast<double>(counts.total) + 4 * smoothing;
  const double together = std::log(both / total);
  return std::clamp((together - std::log(first / total) - std::log(second / total)) / -together, -1.0, 1.0);
}

}  // namespace millrace::api::mlflow
