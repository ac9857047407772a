#pragma once

#include <cstdint>
#include <string>

namespace millrace::serving {

// A process that runs a model for us.
struct WorkerStatus {
  std::int64_t pid = 0;  // 0 while it is being started again
  std::int64_t resident_bytes = 0;
  std::uint64_t restarts = 0;
  std::string problem;  // why it ended last; or empty
};

}  // namespace millrace::serving
