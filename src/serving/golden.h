#pragma once

#include <filesystem>

#include "base/result.h"
#include "serving/runtime.h"

namespace millrace::serving {

// Scores the rows that training left in FOLDER/input_example/golden.json (docs/formats/golden.md) and compares the
// predictions bit by bit. kDataLoss names the first row that differs; a folder without golden rows passes.
Result<void> check_golden_rows(const Runtime& runtime, const std::filesystem::path& folder);

}  // namespace millrace::serving
