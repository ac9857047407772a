#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "datasets/row_log.h"
#include "duck/table.h"

// The files of a row log: their layout, and nothing of threads. docs/formats/row_log.md describes it.
namespace millrace::datasets {

// A file mapped into memory.
class Mapping {
 public:
  Mapping() = default;
  ~Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;

  static Result<Mapping> create(const std::filesystem::path& path, std::size_t bytes);  // a new file of zeros, shared
  static Result<Mapping> read(const std::filesystem::path& path);

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  Mapping(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

struct RowFileHeader {
  std::int64_t sequence = 0;
  std::size_t header_bytes = 0;  // where the records begin
  std::uint64_t seed = 0;        // of the records' checks
  std::vector<duck::ColumnType> columns;
};

// The bytes of a header, a multiple of 4096.
std::string encode_header(std::int64_t sequence, const std::vector<duck::ColumnType>& columns);
// kNotFound where the file was given up before its header was written; kDataLoss where it is damaged.
Result<RowFileHeader> decode_header(std::span<const std::byte> file, std::string_view name);

// The size of a row's record: a multiple of 8.
std::size_t record_bytes(std::span<const Value> row);
// Writes the record at `offset` of the file and commits it with its last store.
void write_record(std::byte* file, std::size_t offset, std::size_t size, std::uint64_t seed,
                  std::span<const Value> row);

// Calls `visit` with the place of every committed record; what was reserved and not committed is passed over. The end
// of the last one.
std::size_t scan_records(std::span<const std::byte> file, const RowFileHeader& header,
                         const std::function<void(std::span<const std::byte> record)>& visit);

// Appends the record's values to the table, whose columns are the header's.
Result<void> decode_record(std::span<const std::byte> record, duck::Table& table);

}  // namespace millrace::datasets
