#include "search/plan.h"

#include <gtest/gtest.h>

namespace millrace::search {
namespace {

TEST(Plan, IsTheCheapestWay) {
  struct Case {
    std::string_view name;
    Estimates estimates;
    Plan::Start start;
  };
  const Case cases[] = {
      {"no filter, default order",
       {.total = 1e5, .in_scope = 1e5, .order_stored = true, .wanted = 100},
       Plan::Start::kTable},
      {"half of the rows fit, ordered by a number",
       {.total = 1e5, .in_scope = 1e5, .sets = {1e5}, .order_walkable = true, .wanted = 100},
       Plan::Start::kOrder},
      {"a few rows fit, ordered by a number",
       {.total = 1e5, .in_scope = 1e5, .sets = {50}, .order_walkable = true, .wanted = 100},
       Plan::Start::kSet},
      {"a few rows in scope, ordered by a number",
       {.total = 1e5, .in_scope = 50, .sets = {2e4}, .order_walkable = true, .wanted = 100},
       Plan::Start::kTable},
      {"a few rows fit, default order",
       {.total = 1e5, .in_scope = 1e5, .sets = {50}, .order_stored = true, .wanted = 100},
       Plan::Start::kSet},
      {"many rows fit, default order",
       {.total = 1e5, .in_scope = 1e5, .sets = {5e4}, .order_stored = true, .wanted = 100},
       Plan::Start::kTable},
  };
  for (const Case& c : cases) EXPECT_EQ(choose(c.estimates).start, c.start) << c.name;
}

TEST(Plan, TheSmallestSetIsTaken) {
  const Plan plan =
      choose({.total = 1e5, .in_scope = 1e5, .sets = {900, 20, 500}, .order_walkable = true, .wanted = 100});
  EXPECT_EQ(plan, (Plan{.start = Plan::Start::kSet, .set = 1}));
}

}  // namespace
}  // namespace millrace::search
