#include "search/plan.h"

#include <algorithm>

namespace millrace::search {

namespace {

// Microseconds for a row of each way.
constexpr double kSorted = 2;
constexpr double kFromSet = 3;
constexpr double kWalked = 1.7;
constexpr double kWalkedTable = 1.2;

}  // namespace

Plan choose(const Estimates& e) {
  const double total = std::max(e.total, 1.0);
  double share = 1;
  for (const double set : e.sets) share *= std::max(set, 1.0) / total;
  const double in_scope = std::min(e.in_scope, total);

  Plan best{.loose = e.order_stored && !e.scope_narrows};
  double cost = in_scope * kSorted;
  if (e.order_stored) cost = std::min(in_scope, e.wanted / share) * kWalkedTable;
  const auto consider = [&](double other, Plan plan) {
    if (other < cost) best = plan, cost = other;
  };
  for (std::size_t i = 0; i < e.sets.size(); ++i) {
    consider(e.sets[i] * kFromSet, {.start = Plan::Start::kSet, .set = i});
  }
  if (e.order_walkable) {
    const double fitting = share * std::max(in_scope, 1.0) / total;
    consider(std::min(total, e.wanted / fitting) * kWalked, {.start = Plan::Start::kOrder});
  }
  return best;
}

}  // namespace millrace::search
