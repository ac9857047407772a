#pragma once

#include <cstdint>

namespace millrace::api::mlflow {

// How many traces there are, how many fit the one filter, the other, both.
struct Contingency {
  std::int64_t total = 0;
  std::int64_t first = 0;
  std::int64_t second = 0;
  std::int64_t both = 0;
};

// Normalized pointwise mutual information, -1 (never together) to 1 (always); NaN where it is not defined. `smoothing`
// is added to each cell of the table; Jeffreys' prior is 0.5. G. Bouma, Normalized (Pointwise) Mutual Information in
// Collocation Extraction, 2009.
double npmi(const Contingency& counts, double smoothing = 0);

}  // namespace millrace::api::mlflow
