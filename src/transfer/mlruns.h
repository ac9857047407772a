#pragma once

#include <memory>

#include "transfer/source.h"

namespace millrace::transfer {

// The folder that MLflow's file store writes, "mlruns". It is read as it is at each call.
Result<std::unique_ptr<Source>> open_mlruns(const SourceOptions& options);

}  // namespace millrace::transfer
