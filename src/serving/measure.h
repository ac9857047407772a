#pragma once

#include "serving/batch.h"
#include "serving/runtime.h"

namespace millrace::serving {

// Scores 1, 8 and 32 rows at once and takes the time: the rows that the model says it takes, else zeros and empty
// texts. The measurement's problem says why that cannot be done: the model does not take such rows, takes no rows at
// all, or answers rows in company otherwise than alone.
BatchMeasurement measure_batches(const Runtime& runtime);

}  // namespace millrace::serving
