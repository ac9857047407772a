#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "training/training.h"

namespace millrace::training {

// Rows as XGBoost takes them: row-major floats, NaN = missing.
struct Rows {
  std::vector<float> values;
  std::vector<float> labels;

  std::size_t size() const { return labels.size(); }
};

struct TrainingData {
  Rows train;
  Rows holdout;
  std::int64_t rows_without_label = 0;
  std::optional<Timestamp> split;  // rows after it are the holdout
};

// Reads the request's columns in the files' order. kInvalidArgument, with the nearest name, for a column that is not
// there or holds no numbers; kFailedPrecondition where no row is left to train on.
Result<TrainingData> read_training_data(duck::Connection& connection, const TrainRequest& request);

}  // namespace millrace::training
