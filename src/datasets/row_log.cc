#include "datasets/row_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "base/files.h"
#include "datasets/row_file.h"

namespace millrace::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeal = std::uint64_t{1} << 48;  // a reservation that no file has room for
constexpr std::uint64_t kNotEnded = ~std::uint64_t{0};

// The file that is being written. This block outlives the mapping, for as long as the log: a thread may still hold a
// pointer to it when the file was sealed long ago; its reservation then fails and nothing else is touched.
struct ActiveFile {
  std::int64_t sequence = 0;
  fs::path path;
  Mapping mapping;
  std::size_t capacity = 0;
  std::size_t first = 0;  // where records begin
  std::uint64_t seed = 0;
  std::atomic<std::uint64_t> reserved{0};     // bytes handed out, header included
  std::atomic<std::uint64_t> committed{0};    // rows << 32 | bytes
  std::atomic<std::uint64_t> end{kNotEnded};  // where the last reservation that fitted ends, once sealed
  std::uint64_t synced = 0;                   // what `committed` was when it was last synced
};

struct Sealed {
  SealedFile file;
  bool synced = false;
};

// A file that holds rows that were not synced yet.
struct Unsynced {
  std::int64_t sequence = 0;
  fs::path path;
  ActiveFile* active = nullptr;  // where it was the one that is written
  std::uint64_t committed = 0;
};

fs::path file_path(const fs::path& directory, std::int64_t sequence) {
  return directory / fmt::format("{:012}.rows", sequence);
}

Result<void> resize(const fs::path& path, std::size_t bytes) {
  if (::truncate(path.c_str(), static_cast<off_t>(bytes)) != 0) return std::unexpected(errno_error("truncate", path));
  return {};
}

Result<void> check_row(std::span<const Value> row, const std::vector<duck::ColumnType>& columns) {
  if (row.size() != columns.size()) {
    return invalid_argument("a row of {} values was logged, {} are expected", row.size(), columns.size());
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto wanted = columns[i].type == duck::Type::kVarchar  ? Value::Kind::kString
                        : columns[i].type == duck::Type::kDouble ? Value::Kind::kDouble
                                                                 : Value::Kind::kInt;
    if (row[i].kind != wanted && row[i].kind != Value::Kind::kNull) [[unlikely]] {
      return invalid_argument("column {} takes a {}", columns[i].name, duck::type_name(columns[i].type));
    }
  }
  return {};
}

}  // namespace

struct RowLog::State {
  RowLogOptions options;
  std::atomic<ActiveFile*> active{nullptr};
  mutable std::mutex mutex;  // for all below
  std::deque<ActiveFile> files;
  std::vector<Sealed> sealed;
  std::int64_t next_sequence = 1;

  Result<void> recover();
  Result<void> recover_file(const fs::path& path);
  Result<void> rotate(ActiveFile* full);
  Result<void> start_file();
  Result<void> finish(ActiveFile& file);
  std::vector<Unsynced> unsynced() const;
  void note_synced(const Unsynced& file);
};

std::vector<Unsynced> RowLog::State::unsynced() const {
  const std::scoped_lock lock(mutex);
  std::vector<Unsynced> files;
  for (const Sealed& one : sealed) {
    if (!one.synced) files.push_back({.sequence = one.file.sequence, .path = one.file.path});
  }
  ActiveFile* file = active.load(std::memory_order_acquire);
  if (file == nullptr) return files;
  const std::uint64_t committed = file->committed.load(std::memory_order_acquire);
  if (committed != file->synced) files.push_back({file->sequence, file->path, file, committed});
  return files;
}

void RowLog::State::note_synced(const Unsynced& file) {
  const std::scoped_lock lock(mutex);
  if (file.active != nullptr) file.active->synced = file.committed;
  const auto found = std::ranges::find(sealed, file.sequence, [](const Sealed& one) { return one.file.sequence; });
  if (file.active == nullptr && found != sealed.end()) found->synced = true;
}

Result<void> RowLog::State::recover_file(const fs::path& path) {
  const Mapping mapping = TRY(Mapping::read(path));
  const std::span<const std::byte> bytes(mapping.data(), mapping.size());
  const Result<RowFileHeader> header = decode_header(bytes, path.filename().string());
  if (!header && header.error().code == Code::kNotFound) return remove_tree(path);
  if (!header) return std::unexpected(header.error());
  std::int64_t rows = 0;
  const std::size_t end = scan_records(bytes, *header, [&](auto) { ++rows; });
  next_sequence = std::max(next_sequence, header->sequence + 1);
  if (rows == 0) return remove_tree(path);
  if (end < bytes.size()) TRY(resize(path, end));
  sealed.push_back({.file = {.sequence = header->sequence, .path = path, .rows = rows}});
  return {};
}

Result<void> RowLog::State::recover() {
  TRY(make_directories(options.directory));
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(options.directory)) {
    if (entry.path().extension() == ".rows") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  next_sequence = std::max<std::int64_t>(1, options.first_sequence);
  for (const fs::path& path : paths) TRY(recover_file(path));
  return {};
}

Result<void> RowLog::State::start_file() {
  const std::string header = encode_header(next_sequence, options.columns);
  ActiveFile& file = files.emplace_back();
  file.sequence = next_sequence;
  file.path = file_path(options.directory, next_sequence);
  Result<Mapping> mapping = Mapping::create(file.path, options.file_bytes);
  if (!mapping) {
    ::unlink(file.path.c_str());
    files.pop_back();
    return std::unexpected(mapping.error());
  }
  file.mapping = std::move(*mapping);
  std::memcpy(file.mapping.data(), header.data(), header.size());
  file.seed = TRY(decode_header({file.mapping.data(), header.size()}, file.path.string())).seed;
  file.capacity = options.file_bytes;
  file.first = header.size();
  file.reserved = header.size();
  ++next_sequence;
  active.store(&file, std::memory_order_release);
  return {};
}

// Waits for the appends under way, gives back the memory and the room that was not used.
Result<void> RowLog::State::finish(ActiveFile& file) {
  while (file.end.load(std::memory_order_acquire) == kNotEnded) std::this_thread::yield();
  const std::uint64_t end = file.end.load(std::memory_order_acquire);
  while ((file.committed.load(std::memory_order_acquire) & 0xFFFFFFFF) != end - file.first) std::this_thread::yield();
  file.mapping = Mapping();
  const auto rows = static_cast<std::int64_t>(file.committed.load(std::memory_order_relaxed) >> 32);
  if (rows == 0) return remove_tree(file.path);
  sealed.push_back({.file = {.sequence = file.sequence, .path = file.path, .rows = rows}});
  return resize(file.path, end);
}

// Puts a fresh file in the place of `full`, unless another thread has done so.
Result<void> RowLog::State::rotate(ActiveFile* full) {
  const std::scoped_lock lock(mutex);
  if (active.load(std::memory_order_acquire) != full) return {};
  TRY(start_file());
  if (full != nullptr) TRY(finish(*full));
  return {};
}

RowLog::RowLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
RowLog::~RowLog() = default;

Result<std::unique_ptr<RowLog>> RowLog::open(RowLogOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  TRY(state->recover());
  return std::unique_ptr<RowLog>(new RowLog(std::move(state)));
}

Result<void> RowLog::append(std::span<const Value> row) {
  TRY(check_row(row, state_->options.columns));
  const std::size_t size = record_bytes(row);
  if (size > state_->options.file_bytes / 2)
    return invalid_argument("a row of {} bytes is too large to be logged", size);
  while (true) {
    ActiveFile* file = state_->active.load(std::memory_order_acquire);
    if (file != nullptr) {
      const std::uint64_t at = file->reserved.fetch_add(size, std::memory_order_relaxed);
      if (at + size <= file->capacity) [[likely]] {
        write_record(file->mapping.data(), at, size, file->seed, row);
        file->committed.fetch_add(std::uint64_t{1} << 32 | size, std::memory_order_release);
        return {};
      }
      if (at <= file->capacity) file->end.store(at, std::memory_order_release);  // the first that found no room
    }
    TRY(state_->rotate(file));
  }
}

Result<std::vector<SealedFile>> RowLog::freeze(Sync wanted) {
  {
    const std::scoped_lock lock(state_->mutex);
    ActiveFile* file = state_->active.load(std::memory_order_acquire);
    if (file != nullptr && file->reserved.load(std::memory_order_relaxed) > file->first) {
      state_->active.store(nullptr, std::memory_order_release);
      const std::uint64_t at = file->reserved.fetch_add(kSeal, std::memory_order_relaxed);
      if (at <= file->capacity) file->end.store(at, std::memory_order_release);
      TRY(state_->finish(*file));
    }
    for (Sealed& sealed : state_->sealed) {
      if (wanted == Sync::kNo || sealed.synced) continue;
      TRY(sync_path(sealed.file.path));
      TRY(sync_path(sealed.file.path.parent_path()));
      sealed.synced = true;
    }
  }
  return sealed();
}

Result<void> RowLog::sync() {
  for (const Unsynced& file : state_->unsynced()) {
    const auto synced = sync_path(file.path);
    if (!synced && synced.error().code == Code::kNotFound) continue;  // dropped meanwhile
    TRY(synced);
    TRY(sync_path(file.path.parent_path()));
    state_->note_synced(file);
  }
  return {};
}

std::vector<SealedFile> RowLog::sealed() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<SealedFile> files;
  for (const Sealed& sealed : state_->sealed) files.push_back(sealed.file);
  return files;
}

Result<void> RowLog::drop(std::int64_t through_sequence) {
  const std::scoped_lock lock(state_->mutex);
  while (!state_->sealed.empty() && state_->sealed.front().file.sequence <= through_sequence) {
    TRY(remove_tree(state_->sealed.front().file.path));
    state_->sealed.erase(state_->sealed.begin());
  }
  return {};
}

std::int64_t RowLog::rows() const {
  const std::scoped_lock lock(state_->mutex);
  std::int64_t rows = 0;
  for (const Sealed& sealed : state_->sealed) rows += sealed.file.rows;
  const ActiveFile* file = state_->active.load(std::memory_order_acquire);
  if (file != nullptr) rows += static_cast<std::int64_t>(file->committed.load(std::memory_order_acquire) >> 32);
  return rows;
}

const std::vector<duck::ColumnType>& RowLog::columns() const { return state_->options.columns; }

static Result<void> read_rows(std::span<const std::byte> file, std::string_view name,
                              const std::function<Result<void>(duck::Table& rows)>& visit, std::size_t chunk_rows) {
  const RowFileHeader header = TRY(decode_header(file, name));
  duck::Table table = duck::Table::of(header.columns);
  Result<void> status;
  scan_records(file, header, [&](std::span<const std::byte> record) {
    if (status) status = decode_record(record, table);
    if (!status || table.rows < chunk_rows) return;
    status = visit(table);
    table.clear();
  });
  TRY(std::move(status));
  return table.rows == 0 ? Result<void>() : visit(table);
}

Result<void> read_row_log_file(const fs::path& path, const std::function<Result<void>(duck::Table& rows)>& visit,
                               std::size_t chunk_rows) {
  const Mapping mapping = TRY(Mapping::read(path));
  return read_rows({mapping.data(), mapping.size()}, path.filename().string(), visit, chunk_rows);
}

Result<void> read_row_log(std::string_view file, const std::function<Result<void>(duck::Table& rows)>& visit,
                          std::size_t chunk_rows) {
  return read_rows(std::as_bytes(std::span(file)), "that was sent", visit, chunk_rows);
}

}  // namespace millrace::datasets
