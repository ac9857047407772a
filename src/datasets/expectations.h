#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset_spec.h"

namespace millrace::datasets {

// The names of the expectations that can be checked, in order.
const std::vector<std::string>& expectation_names();

// Checks name, kwargs and columns; faults stand at the expectation's position.
void check_expectation(const ExpectationSpec& expectation, const std::vector<ColumnSpec>& columns,
                       Diagnostics& diagnostics);

}  // namespace millrace::datasets
