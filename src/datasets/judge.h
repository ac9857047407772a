#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "datasets/expectation_plan.h"
#include "duck/duck.h"

namespace millrace::datasets {

// What the expectations made of a batch.
struct Judgement {
  std::int64_t rows = 0;  // in the batch
  std::int64_t kept = 0;
  std::int64_t quarantined = 0;
  std::string validation;                // JSON in the shape of Great Expectations' validation result
  std::vector<std::string> rejected_by;  // why the batch is refused; empty where it is not
};

// Judges the rows of "typed" (see read_batch). Makes two temporary views: "kept" (the columns and "~row"), ordered by
// event time and then by all columns, and "set_aside" (also "~reason") of the quarantined rows.
// Expectations that quarantine see all rows, the others the kept ones.
Result<Judgement> judge(duck::Connection& connection, const DatasetSpec& spec,
                        const std::vector<ExpectationPlan>& plans);

}  // namespace millrace::datasets
