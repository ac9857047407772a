#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "duck/duck.h"
#include "monitoring/sample.h"
#include "monitoring/window.h"

namespace millrace::datasets {
class Datasets;
struct Version;
}  // namespace millrace::datasets

namespace millrace::monitoring {

// The newest version of a dataset; nullopt where there is no such dataset or no version yet.
Result<std::optional<datasets::Version>> newest_version(const datasets::Datasets& datasets, const std::string& name);

// The names of a prediction log that hold no inputs or features: id, event_time, version, latency_us, prediction and
// what begins with shadow_.
bool is_reserved_column(std::string_view name);

struct WindowQuery {
  Window window;
  Timestamp labels_until;                 // labels that became known later do not count
  std::vector<duck::ColumnType> columns;  // of the predictions, besides version
};

// A window's predictions with their labels: event_time, version (text), @label (null where unknown), then the columns
// asked for, text as text and all else as double. Joined by id; of several labels for an id the one with the newest
// event time counts, then the largest value. Ordered by event time, then by id, so that sums come out the same always.
Result<duck::Table> read_window(duck::Connection& connection, const datasets::Version& predictions,
                                const std::optional<datasets::Version>& labels, const WindowQuery& query);

// Columns of a Parquet file, by name, ready to be compared; those that the file lacks are left out. Of more than
// `max_rows` rows every k-th is taken, with the smallest k that suffices.
Result<std::map<std::string, Column>> read_reference(duck::Connection& connection, const std::filesystem::path& file,
                                                     const std::vector<std::string>& columns, std::int64_t max_rows);

// The columns of a Parquet file.
Result<std::vector<duck::ColumnType>> parquet_columns(duck::Connection& connection, const std::filesystem::path& file);

Column to_column(const duck::Column& column);

}  // namespace millrace::monitoring
