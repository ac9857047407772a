#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "duck/table.h"

namespace millrace::datasets {

// One value of a row to be logged; a string is only viewed.
struct Value {
  enum class Kind : std::uint8_t { kNull, kInt, kDouble, kString };
  Kind kind = Kind::kNull;
  union {
    std::int64_t integer = 0;  // bigint, boolean (0, 1), timestamp (µs)
    double number;
    struct {
      const char* data;
      std::size_t size;
    } text;
  };

  static Value null() { return {}; }
  static Value of(std::int64_t value) {
    Value v;
    v.kind = Kind::kInt;
    v.integer = value;
    return v;
  }
  static Value of(Timestamp value) { return of(value.us); }
  static Value of_bool(bool value) { return of(std::int64_t{value}); }
  static Value of(double value) {
    Value v;
    v.kind = Kind::kDouble;
    v.number = value;
    return v;
  }
  static Value of(std::string_view value) {
    Value v;
    v.kind = Kind::kString;
    v.text = {value.data(), value.size()};
    return v;
  }
  std::string_view string() const { return {text.data, text.size}; }
};

// A file of a row log to which nothing is added any more.
struct SealedFile {
  std::int64_t sequence = 0;
  std::filesystem::path path;
  std::int64_t rows = 0;
};

struct RowLogOptions {
  std::filesystem::path directory;
  std::vector<duck::ColumnType> columns;
  std::int64_t first_sequence = 1;  // file numbers start here or after the newest file, whichever is later
  std::size_t file_bytes = std::size_t{32} << 20;  // also bounds a row: it must fit into one file
};

// An append-only log of typed rows. append() may be called from any number of threads; it takes no lock and makes no
// system call but when a file is full. What append() accepted survives the death of the process at any moment (the
// file is mapped shared), though not the death of the machine before sync() or freeze(). No two processes may have one
// log open. The format is in docs/formats/row_log.md.
class RowLog {
 public:
  // Reads what an earlier process left; its files are sealed then, in recovered().
  static Result<std::unique_ptr<RowLog>> open(RowLogOptions options);
  ~RowLog();
  RowLog(const RowLog&) = delete;
  RowLog& operator=(const RowLog&) = delete;

  // One value for each column. kInvalidArgument where kinds or number do not fit the columns or the row is larger than
  // a file; kResourceExhausted where the disk is full.
  Result<void> append(std::span<const Value> row);

  // Seals the file being written, waits for appends under way and, where asked, makes the sealed files safe against the
  // death of the machine. All sealed files not yet dropped, oldest first; rows appended meanwhile go to a new file.
  enum class Sync { kYes, kNo };
  Result<std::vector<SealedFile>> freeze(Sync sync = Sync::kYes);

  // Makes the rows appended before the call safe against the death of the machine. Appends wait for nothing meanwhile.
  Result<void> sync();

  // The sealed files not yet dropped, oldest first.
  std::vector<SealedFile> sealed() const;

  // Deletes the sealed files up to this number.
  Result<void> drop(std::int64_t through_sequence);

  std::int64_t rows() const;  // in all files, sealed or not
  const std::vector<duck::ColumnType>& columns() const;

 private:
  struct State;
  explicit RowLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// Reads the committed rows of a log file, in the order of their reservation, in tables of at most `chunk_rows` rows
// with the columns that the file was written with. The table is reused between calls.
Result<void> read_row_log_file(const std::filesystem::path& file,
                               const std::function<Result<void>(duck::Table& rows)>& visit,
                               std::size_t chunk_rows = 8192);
// The same of a file's bytes, which anybody may have made.
Result<void> read_row_log(std::string_view file, const std::function<Result<void>(duck::Table& rows)>& visit,
                          std::size_t chunk_rows = 8192);

}  // namespace millrace::datasets
