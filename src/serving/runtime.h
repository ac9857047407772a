#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace millrace::serving {

// A loaded model. Immutable; any number of threads may score at once.
class Runtime {
 public:
  virtual ~Runtime() = default;

  // The columns that a row has, in order.
  virtual const std::vector<std::string>& inputs() const = 0;
  // How many values a row's prediction has: one, or one a class.
  virtual std::size_t outputs() const = 0;
  // `rows` holds n rows of inputs().size() values, NaN = missing; `out` takes n rows of outputs() values.
  virtual void score(std::span<const double> rows, std::span<double> out) const = 0;
};

// Loads an MLmodel folder with the first of its flavors that we run, and checks its golden rows (golden.h).
// kUnimplemented where there is no such flavor.
Result<std::unique_ptr<const Runtime>> load_runtime(const std::filesystem::path& folder);

}  // namespace millrace::serving
