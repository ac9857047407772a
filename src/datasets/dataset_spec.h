#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "duck/table.h"

namespace millrace::datasets {

// What becomes of a batch that fails an expectation.
enum class OnFailure {
  kReject,      // the whole batch is refused
  kQuarantine,  // the rows that fail it are set aside; with `mostly`, the batch is refused when more than 1 - mostly
                // fail
  kWarn,        // it is recorded in the validation result
};

struct ColumnSpec {
  std::string name;
  duck::Type type = duck::Type::kVarchar;
  std::string description;
  Position at;
};

struct ExpectationSpec {
  std::string type;    // Great Expectations' name
  std::string kwargs;  // a JSON object
  OnFailure on_failure = OnFailure::kReject;
  Position at;
};

// A `kind: Dataset` document.
struct DatasetSpec {
  std::string name;
  std::string description;
  std::string event_time;  // the timestamp column that says when a row became known
  std::vector<ColumnSpec> columns;
  std::vector<ExpectationSpec> expectations;
  Position at;

  const ColumnSpec* find_column(std::string_view name) const;
  std::vector<duck::ColumnType> column_types() const;
};

// The document's spec; nullopt where it had faults, all of which are in `diagnostics`.
std::optional<DatasetSpec> parse_dataset(const Node& document, Diagnostics& diagnostics);

// The JSON Schema (draft 2020-12) of a Dataset document.
std::string_view dataset_schema();

}  // namespace millrace::datasets
