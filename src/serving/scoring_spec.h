#pragma once

#include <cstdint>
#include <optional>

#include "base/document.h"
#include "serving/batch.h"
#include "serving/runtimes/python_options.h"

namespace millrace::serving {

// What an Endpoint document says about how its models are run: `python`, `batching`, `concurrency`, `queue` and
// `scale_to_zero`.
struct ScoringSpec {
  PythonOptions python;
  BatchWish batching;
  // Batches that are scored at once, where a model must be waited for; default: as many as it has Python workers.
  std::optional<std::int64_t> concurrency;
  std::int64_t queue = 256;  // requests that may wait
  // Without a request for so long, the models leave memory until the next one.
  std::optional<Duration> scale_to_zero;
  bool operator==(const ScoringSpec&) const = default;

  std::int64_t lanes() const { return concurrency.value_or(python.workers); }
};

// Reads the keys out of an Endpoint document; faults go to the reader's diagnostics.
ScoringSpec read_scoring(ObjectReader& reader, Diagnostics& diagnostics);

}  // namespace millrace::serving
