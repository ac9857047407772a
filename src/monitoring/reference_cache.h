#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "duck/duck.h"
#include "monitoring/window_rows.h"

namespace millrace::monitoring {

// The columns of the training set that was last asked for, sorted; the next window of the same version uses them again.
// Not thread-safe.
class ReferenceCache {
 public:
  static constexpr std::int64_t kMaxRows = 500'000;

  // Columns that the file lacks are missing in the answer, which lives until the next call.
  Result<const Columns*> columns(duck::Connection& connection, const std::filesystem::path& file,
                                 const std::vector<std::string>& names);

 private:
  std::filesystem::path file_;
  std::vector<std::string> names_;
  Columns columns_;
};

}  // namespace millrace::monitoring
