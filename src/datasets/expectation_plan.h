#pragma once

#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "datasets/dataset_spec.h"

namespace millrace::datasets {

// An expectation about each row: how many rows fail it is counted.
struct MapPlan {
  std::string verdict;    // SQL: true, false (the row is unexpected), or null (it has nothing to judge)
  std::string missing;    // SQL: true where the row has nothing to judge
  std::string value;      // SQL: what is shown of an unexpected row
  bool row_level = true;  // the verdict follows from the row alone
};

// An expectation about all rows together.
struct AggregatePlan {
  std::string success;   // SQL over all rows; null is a failure
  std::string observed;  // SQL over all rows
  bool observed_is_json = false;
};

// An expectation about the columns: the answer is known from the declaration.
struct FixedPlan {
  bool success = false;
  std::string observed;  // JSON
};

struct ExpectationPlan {
  ExpectationSpec spec;
  std::string label;  // "expect_column_values_to_be_between(delay)"
  double mostly = 1.0;
  bool has_mostly = false;
  std::variant<MapPlan, AggregatePlan, FixedPlan> plan;

  const MapPlan* map() const { return std::get_if<MapPlan>(&plan); }
};

// How an expectation is checked; or what is wrong with it. The column "~row" (the row's place in its batch) may be used
// by plans that are not row-level.
std::expected<ExpectationPlan, std::string> plan_expectation(const ExpectationSpec& spec,
                                                             const std::vector<ColumnSpec>& columns);

}  // namespace millrace::datasets
