#pragma once

#include <memory>

#include "transfer/source.h"

namespace millrace::transfer {

// A Millrace server, by its API (docs/formats/records.md). Artifacts are fetched into a folder that goes with it.
Result<std::unique_ptr<Source>> open_server_source(const SourceOptions& options);

}  // namespace millrace::transfer
