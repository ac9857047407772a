#pragma once

#include <memory>

#include "features/features.h"

namespace millrace::features {

// The view over a dataset with these columns; nullptr where there are faults.
std::shared_ptr<const CompiledView> compile_view(const FeatureViewSpec& spec, const SourceSchema& source,
                                                 Diagnostics& diagnostics);

// Reports a fault of an expression at its place in the file; `at` is where its text begins.
void add_compile_error(const sql::CompileError& error, std::string_view text, Position at, std::string_view what,
                       Diagnostics& diagnostics);

// Whether a feature can hold it: a number or a truth value.
bool is_numeric(sql::Type type);

// null, errors and NaN become NaN.
double to_number(const sql::Value& value);

}  // namespace millrace::features
