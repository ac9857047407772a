#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "datasets/expectation_plan.h"
#include "duck/duck.h"

namespace millrace::datasets {

// Judges pushed rows by the row-level expectations that quarantine or reject, with the same SQL as batches. What the
// native expressions do not know is asked of DuckDB. One thread at a time.
class RowJudge {
 public:
  RowJudge(const std::vector<duck::ColumnType>& columns, const std::vector<ExpectationPlan>& plans);
  ~RowJudge();

  // For each row whether it may be used: 1 or 0.
  Result<std::vector<std::uint8_t>> judge(const duck::Table& rows, duck::Database& duck);

 private:
  struct Native;
  std::vector<Native> native_;
  std::vector<std::string> others_;  // verdicts
};

}  // namespace millrace::datasets
