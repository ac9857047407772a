#include "proc/build_id.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace millrace::proc {

namespace {

constexpr std::size_t kMostNoteBytes = 64 << 10;
constexpr std::size_t kMostHeaders = 256;

// The file's bytes there; empty where it is shorter.
std::string bytes_at(std::ifstream& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  return file ? bytes : std::string();
}

template <typename T>
std::optional<T> read_at(std::ifstream& file, std::uint64_t offset) {
  const std::string bytes = bytes_at(file, offset, sizeof(T));
  if (bytes.empty()) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// Notes follow each other: a header, a name, a description, each filled up to four bytes.
std::optional<std::string> id_among(std::string_view notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes.data(), sizeof(header));
    notes.remove_prefix(sizeof(header));
    const std::size_t name = aligned(header.n_namesz), description = aligned(header.n_descsz);
    if (notes.size() < name || notes.size() - name < header.n_descsz) return std::nullopt;
    if (header.n_type == NT_GNU_BUILD_ID && notes.starts_with(std::string_view("GNU\0", 4))) {
      return to_hex(notes.substr(name, header.n_descsz));
    }
    notes.remove_prefix(std::min(name + description, notes.size()));
  }
  return std::nullopt;
}

std::optional<std::string> linked_id(std::ifstream& file) {
  const auto header = read_at<ElfW(Ehdr)>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  for (std::size_t i = 0; i < std::min<std::size_t>(header->e_phnum, kMostHeaders); ++i) {
    const auto segment = read_at<ElfW(Phdr)>(file, header->e_phoff + i * header->e_phentsize);
    if (!segment) return std::nullopt;
    if (segment->p_type != PT_NOTE || segment->p_filesz > kMostNoteBytes) continue;
    if (auto id = id_among(bytes_at(file, segment->p_offset, segment->p_filesz))) return id;
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> build_id(const std::filesystem::path& program) {
  std::ifstream file(program, std::ios::binary);
  if (auto id = linked_id(file)) return *id;
  return sha256_file(program);
}

}  // namespace millrace::proc
