#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/sample.h"

namespace millrace::monitoring {

// By their names in Evidently; kEvidently picks one of the others by Evidently's default rules.
enum class DriftMethod {
  kEvidently,
  kKs,
  kWasserstein,
  kJensenShannon,
  kChiSquare,
  kZ,
  kPsi,
  kKlDivergence,
  kHellinger
};

std::string_view drift_method_name(DriftMethod method);
std::optional<DriftMethod> find_drift_method(std::string_view name);
const std::vector<std::string>& drift_method_names();

// Evidently's default threshold: 0.05 for the tests that give a p-value, 0.1 for the distances.
double default_threshold(DriftMethod method);

// The test that Evidently 0.7 picks by itself (_get_default_stattest), from the type of the column, the number of
// reference rows and the number of distinct values in both sides together.
DriftMethod default_method(const Column& reference, const Column& current);

struct ColumnDrift {
  std::string name;
  std::string method;  // the test that was used; "missing" where one side has no values at all
  double score = 0;    // a p-value or a distance
  double threshold = 0;
  bool drifted = false;
  double psi = 0;  // population stability index, whatever the method
  std::int64_t reference_rows = 0;
  std::int64_t reference_missing = 0;
  std::int64_t current_rows = 0;
  std::int64_t current_missing = 0;
};

struct DriftOptions {
  DriftMethod method = DriftMethod::kEvidently;
  std::optional<double> threshold;  // of each column's test; default: the test's own
};

// Drift of one column. Evidently refuses a column without values; here a column that has values on one side only has
// drifted, by the method "missing". A test that does not fit the column's type gives way to Evidently's default.
ColumnDrift column_drift(std::string name, const Column& reference, const Column& current, const DriftOptions& options);

struct DatasetDrift {
  std::int64_t drifted_columns = 0;
  double share = 0;
  bool drifted = false;  // share >= the threshold on the share
};

// Columns without values on either side are not counted. No columns: no drift.
DatasetDrift dataset_drift(std::span<const ColumnDrift> columns, double share_threshold);

}  // namespace millrace::monitoring
