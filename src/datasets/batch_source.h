#pragma once

#include <filesystem>
#include <string>

#include "datasets/datasets.h"
#include "duck/duck.h"

namespace millrace::datasets {

// Makes a batch's file readable as the temporary view "typed" of the connection: the dataset's columns with their
// types, and "~row", the row's place in the file from 1. The file must stay. Errors say what is wrong with the batch:
// not UTF-8, not a complete file, missing or unknown columns, the first value of a wrong type, no rows, a row without
// event time.
Result<void> read_batch(duck::Connection& connection, const DatasetSpec& spec, Format format,
                        const std::filesystem::path& file);

// The line (from 1) of the first byte that is not UTF-8; 0 where all are.
std::size_t find_bad_utf8(std::string_view text);

}  // namespace millrace::datasets
