#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/datasets.h"
#include "datasets/row_log.h"

namespace millrace::datasets {

struct LogDatasetSpec {
  std::string name;  // e.g. "delays.predictions"
  std::string description;
  std::vector<duck::ColumnType> columns;  // in the order of append()'s values
  std::string event_time;                 // a timestamp column
  std::string
      key;  // a column; of rows with one key the first in event time is kept, rows without key or event time are not
  // Given: a row without a value in `marker` is none of its own, but brings those of `columns` to the row with its key
  // that is committed at the same time; where there is none it is dropped.
  struct Complements {
    std::string marker;
    std::vector<std::string> columns;
  };
  std::optional<Complements> complements = std::nullopt;
};

// A dataset fed row by row: append() on the hot path, commit() now and then to make a version of what came. append() is
// thread-safe and lock-free (see RowLog); commit() may run beside it.
class LogDataset {
 public:
  // Rows that an earlier process appended and did not commit are there to be committed. Columns may differ from the
  // last time by new ones.
  static Result<std::unique_ptr<LogDataset>> open(Datasets& datasets, LogDatasetSpec spec);
  ~LogDataset();
  LogDataset(const LogDataset&) = delete;
  LogDataset& operator=(const LogDataset&) = delete;

  // Durable against the death of the process when it returns, and within a second against that of the machine.
  Result<void> append(std::span<const Value> row);

  // Turns the appended rows into one Parquet segment of a new version, each key once: rows whose key the dataset
  // already has, in segments that overlap in event time, are dropped. nullopt where nothing was new. Exactly once,
  // whenever the process dies.
  Result<std::optional<Version>> commit();

  // For rows that are committed by another process: what was appended, as files to which nothing is added any more,
  // oldest first and safe against the death of the machine; and, once they are kept elsewhere, away with them.
  Result<std::vector<SealedFile>> seal();
  Result<void> drop(std::int64_t through_sequence);
  // Appends the rows of such a file, of which these are the bytes; answers how many. Its columns go by their names and
  // may be fewer than these. kInvalidArgument for a file that is damaged, or has others; no row is appended then.
  Result<std::int64_t> take(std::string_view file);

  std::int64_t pending() const;  // rows appended and not yet committed
  const std::string& name() const;

 private:
  struct State;
  explicit LogDataset(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::datasets
