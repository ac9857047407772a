#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

// The columns of a prediction log that hold no inputs or features: id, event_time, served_at, version, route,
// latency_us, and what begins with prediction or shadow_.
bool is_reserved_column(std::string_view name);

struct WindowQuery {
  Window window;
  Timestamp labels_until;                     // labels that became known later do not count
  std::vector<duck::ColumnType> predictions;  // the column prediction, and those of the shadows
};

// A window's predictions with their labels: event_time, version (text), label (null where unknown), then the
// predictions asked for, as double. Joined by id; of several labels for an id the one with the newest event time
// counts, then the largest value. Ordered by event time, then by id, so that sums come out the same always.
Result<duck::Table> read_window(duck::Connection& connection, const datasets::Version& predictions,
                                const std::optional<datasets::Version>& labels, const WindowQuery& query);

// Columns ready to be compared, by name. Text is categorical, all else numerical; timestamps are left out.
using Columns = std::map<std::string, Column>;

// Those of the window's predictions that the log has among `names`.
Result<Columns> read_features(duck::Connection& connection, const datasets::Version& predictions, Window window,
                              const std::vector<std::string>& names);

// Those of a Parquet file that it has among `names`. Of more than `max_rows` rows every k-th is taken, with the
// smallest k that suffices.
Result<Columns> read_reference(duck::Connection& connection, const std::filesystem::path& file,
                               const std::vector<std::string>& names, std::int64_t max_rows);

// The columns of a Parquet file.
Result<std::vector<duck::ColumnType>> parquet_columns(duck::Connection& connection, const std::filesystem::path& file);

}  // namespace millrace::monitoring
