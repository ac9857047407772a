#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "duck/table.h"
#include "sql/value.h"

namespace millrace::features::online {
class OnlineStore;
}

namespace millrace::serving {

// Makes the vector that models score out of what a request carries. Immutable; any number of threads may compute at
// once.
class VectorSource {
 public:
  virtual ~VectorSource() = default;

  // What a request carries, in order.
  virtual const std::vector<duck::ColumnType>& inputs() const = 0;
  // What the vector is made of, in order.
  virtual const std::vector<std::string>& features() const = 0;
  // One row's vector for a moment; NaN = missing. `inputs` and `out` are as long as the lists above.
  virtual Result<void> compute(std::span<const sql::Value> inputs, Timestamp moment, std::span<double> out) const = 0;
  // Those of several rows for one moment, one row after the other in both.
  virtual Result<void> compute_rows(std::span<const sql::Value> inputs, Timestamp moment, std::span<double> out) const;
  // They are not made here: whoever asks waits for another machine.
  virtual bool waits() const { return false; }
};

// The vector source of a feature service, as it is defined now.
using FindVectors = std::function<Result<std::shared_ptr<const VectorSource>>(const std::string& service)>;

// From the online feature store, which must outlive the sources.
FindVectors online_vectors(const features::online::OnlineStore& store);

// For endpoints without a feature service: the request carries the vector itself, as doubles.
std::shared_ptr<const VectorSource> plain_vectors(std::vector<std::string> features);

}  // namespace millrace::serving
