#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "datasets/row_log.h"
#include "duck/table.h"

namespace millrace::datasets {

// The rows that were pushed to a dataset ahead of their batch, kept in a row log until a version covers them. A push is
// there whole or not at all: each of its rows carries the push's id, its own place and the number of rows. One thread
// at a time.
class PushLog {
 public:
  static Result<std::unique_ptr<PushLog>> open(const std::filesystem::path& directory,
                                               std::vector<duck::ColumnType> columns, std::string event_time);

  bool has(std::string_view push_id) const { return ids_.contains(std::string(push_id)); }
  // Durable against the death of the process when it returns. An empty table is remembered by its id.
  Result<void> add(const duck::Table& rows, std::string_view push_id);
  // Forgets the rows up to this event time, as far as whole files can be given up.
  Result<void> covered(Timestamp until);
  // All rows later than `after`, by event time, then by all columns.
  Result<duck::Table> rows(Timestamp after);

 private:
  // What a file of the log holds; the file being written is the last.
  struct Part {
    std::int64_t through = 0;  // sequence number of its last file; 0 while it is being written
    Timestamp newest{INT64_MIN};
    std::vector<std::string> ids;
  };

  PushLog() = default;
  Result<void> recover();
  Result<void> recover_file(const SealedFile& file);
  Result<void> seal();

  std::vector<duck::ColumnType> columns_;
  std::string event_time_;
  std::size_t time_column_ = 0;
  std::unique_ptr<RowLog> log_;
  std::vector<Part> parts_;
  std::unordered_set<std::string> ids_;
};

}  // namespace millrace::datasets
