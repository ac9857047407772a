#include "datasets/row_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "base/files.h"

namespace millrace::datasets {
namespace {

static_assert(std::endian::native == std::endian::little, "row log files are little-endian");

constexpr char kMagic[8] = {'M', 'R', 'R', 'O', 'W', 'L', 'G', '1'};
constexpr std::size_t kPage = 4096;
// A file is not read more often than this on the search for records, whatever it was made to look like.
constexpr std::size_t kMostReadings = 64;
constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ULL;

// The fixed part of a header; the columns follow it, each as type (u8), 0 (u8), length of the name (u16), name.
struct FixedHeader {
  char magic[8];
  std::uint32_t header_bytes;
  std::uint32_t columns;
  std::int64_t sequence;
  std::uint64_t check;  // of all header bytes, with this field 0
};
static_assert(sizeof(FixedHeader) == 32);

std::uint64_t load(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

void store(std::byte* at, std::uint64_t word) { std::memcpy(at, &word, 8); }

// A hash of whole words, in two lanes so that multiplications overlap.
std::uint64_t hash_words(std::uint64_t seed, const std::byte* data, std::size_t bytes) {
  std::uint64_t a = seed;
  std::uint64_t b = ~seed;
  std::size_t i = 0;
  for (; i + 16 <= bytes; i += 16) {
    a = (a ^ load(data + i)) * kPrime;
    a ^= a >> 32;
    b = (b ^ load(data + i + 8)) * kPrime;
    b ^= b >> 29;
  }
  if (i < bytes) a = (a ^ load(data + i)) * kPrime;
  const std::uint64_t h = (a ^ std::rotl(b, 31)) * kPrime;
  return h ^ h >> 32;
}

// The first word of a committed record: its size and a check of its bytes and its place. Never 0.
std::uint64_t commit_word(const std::byte* record, std::size_t offset, std::size_t size, std::uint64_t seed) {
  const std::uint64_t check = hash_words(seed ^ offset * kPrime, record + 8, size - 8) >> 32;
  return (check == 0 ? 1 : check) << 32 | size;
}

std::size_t null_words(std::size_t columns) { return (columns + 63) / 64; }
std::size_t fixed_bytes(std::size_t columns) { return 8 * (1 + null_words(columns) + columns); }
std::size_t padded(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

std::uint64_t slot_of(const Value& value) {
  return value.kind == Value::Kind::kDouble ? std::bit_cast<std::uint64_t>(value.number)
                                            : static_cast<std::uint64_t>(value.integer);
}

std::uint64_t header_check(std::string bytes) {
  std::memset(bytes.data() + offsetof(FixedHeader, check), 0, 8);
  return hash_words(1, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
}

}  // namespace

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}
Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Result<Mapping> Mapping::create(const std::filesystem::path& path, std::size_t bytes) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return std::unexpected(errno_error("create", path));
  // Room is taken now: a full disk must be an error here, not a signal when a page is written.
  if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno != EOPNOTSUPP) return std::unexpected(errno_error("make room in", path));
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return std::unexpected(errno_error("extend", path));
  }
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return std::unexpected(errno_error("map", path));
  return Mapping(static_cast<std::byte*>(data), bytes);
}

Result<Mapping> Mapping::read(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::unexpected(errno_error("open", path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(errno_error("stat", path));
  if (status.st_size == 0) return Mapping();
  void* data = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return std::unexpected(errno_error("map", path));
  ::madvise(data, static_cast<std::size_t>(status.st_size), MADV_SEQUENTIAL);
  return Mapping(static_cast<std::byte*>(data), static_cast<std::size_t>(status.st_size));
}

std::string encode_header(std::int64_t sequence, const std::vector<duck::ColumnType>& columns) {
  std::string bytes(sizeof(FixedHeader), '\0');
  for (const duck::ColumnType& column : columns) {
    const auto length = static_cast<std::uint16_t>(column.name.size());
    bytes += static_cast<char>(column.type);
    bytes += '\0';
    bytes.append(reinterpret_cast<const char*>(&length), 2);
    bytes += column.name;
  }
  bytes.resize((bytes.size() + kPage - 1) / kPage * kPage, '\0');
  FixedHeader fixed{.header_bytes = static_cast<std::uint32_t>(bytes.size()),
                    .columns = static_cast<std::uint32_t>(columns.size()),
                    .sequence = sequence,
                    .check = 0};
  std::memcpy(fixed.magic, kMagic, 8);
  std::memcpy(bytes.data(), &fixed, sizeof fixed);
  fixed.check = header_check(bytes);
  std::memcpy(bytes.data(), &fixed, sizeof fixed);
  return bytes;
}

Result<RowFileHeader> decode_header(std::span<const std::byte> file, std::string_view name) {
  FixedHeader fixed{};
  if (file.size() >= sizeof fixed) std::memcpy(&fixed, file.data(), sizeof fixed);
  if (fixed.check == 0) return not_found("row log file {} has no header", name);
  if (std::memcmp(fixed.magic, kMagic, 8) != 0) return data_loss("{} is not a row log file of this version", name);
  const auto damaged = [&] { return data_loss("row log file {} has a damaged header", name); };
  if (fixed.header_bytes > file.size() || fixed.header_bytes % kPage != 0 || fixed.header_bytes == 0) return damaged();
  const std::string bytes(reinterpret_cast<const char*>(file.data()), fixed.header_bytes);
  if (header_check(bytes) != fixed.check) return damaged();
  RowFileHeader header{.sequence = fixed.sequence, .header_bytes = fixed.header_bytes, .seed = fixed.check};
  std::size_t at = sizeof fixed;
  for (std::uint32_t i = 0; i < fixed.columns; ++i) {
    if (bytes.size() - at < 4) return damaged();
    std::uint16_t length;
    std::memcpy(&length, bytes.data() + at + 2, 2);
    const bool known_type = static_cast<unsigned char>(bytes[at]) <= static_cast<unsigned char>(duck::Type::kTimestamp);
    if (!known_type || bytes.size() - at - 4 < length) return damaged();
    header.columns.push_back({bytes.substr(at + 4, length), static_cast<duck::Type>(bytes[at])});
    at += 4 + length;
  }
  return header;
}

std::size_t record_bytes(std::span<const Value> row) {
  std::size_t text = 0;
  for (const Value& value : row) text += value.kind == Value::Kind::kString ? value.text.size : 0;
  return fixed_bytes(row.size()) + padded(text);
}

void write_record(std::byte* file, std::size_t offset, std::size_t size, std::uint64_t seed,
                  std::span<const Value> row) {
  std::byte* record = file + offset;
  std::byte* nulls = record + 8;
  std::byte* slots = nulls + 8 * null_words(row.size());
  std::byte* text = slots + 8 * row.size();
  store(record + size - 8, 0);  // the padding
  std::memset(nulls, 0, static_cast<std::size_t>(slots - nulls));
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::uint64_t slot = 0;
    if (row[i].kind == Value::Kind::kString) {
      slot = static_cast<std::uint64_t>(text - record) << 32 | row[i].text.size;
      if (row[i].text.size > 0) std::memcpy(text, row[i].text.data, row[i].text.size);
      text += row[i].text.size;
    } else if (row[i].kind == Value::Kind::kNull) {
      store(nulls + i / 64 * 8, load(nulls + i / 64 * 8) | std::uint64_t{1} << i % 64);
    } else {
      slot = slot_of(row[i]);
    }
    store(slots + 8 * i, slot);
  }
  std::atomic_ref(*reinterpret_cast<std::uint64_t*>(record))
      .store(commit_word(record, offset, size, seed), std::memory_order_release);
}

std::size_t scan_records(std::span<const std::byte> file, const RowFileHeader& header,
                         const std::function<void(std::span<const std::byte> record)>& visit) {
  const std::size_t smallest = fixed_bytes(header.columns.size());
  std::size_t end = header.header_bytes;
  std::size_t at = header.header_bytes;
  std::size_t checked = 0;
  while (at + smallest <= file.size() && checked <= kMostReadings * file.size()) {
    const std::uint64_t word = load(file.data() + at);
    const std::size_t size = word & 0xFFFFFFFF;
    const bool plausible = word != 0 && size >= smallest && size % 8 == 0 && size <= file.size() - at;
    checked += plausible ? size : 0;
    if (!plausible || commit_word(file.data() + at, at, size, header.seed) != word) {
      at += 8;
      continue;
    }
    visit(file.subspan(at, size));
    end = at += size;
  }
  return end;
}

Result<void> decode_record(std::span<const std::byte> record, duck::Table& table) {
  const std::byte* nulls = record.data() + 8;
  const std::byte* slots = nulls + 8 * null_words(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    duck::Column& column = table.columns[i];
    const std::uint64_t slot = load(slots + 8 * i);
    if ((load(nulls + i / 64 * 8) >> i % 64 & 1) != 0) {
      column.append_null();
    } else if (column.type == duck::Type::kVarchar) {
      const std::size_t from = slot >> 32;
      const std::size_t length = slot & 0xFFFFFFFF;
      if (from + length > record.size()) return data_loss("a record of a row log is damaged");
      column.append_string({reinterpret_cast<const char*>(record.data()) + from, length});
    } else if (column.type == duck::Type::kDouble) {
      column.append_double(std::bit_cast<double>(slot));
    } else {
      column.append_int(static_cast<std::int64_t>(slot));
    }
  }
  ++table.rows;
  return {};
}

}  // namespace millrace::datasets
