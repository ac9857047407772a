#include "transfer/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>

#include "base/fd.h"
#include "base/files.h"

namespace millrace::transfer {

Result<MappedFile> MappedFile::open_copy(const std::filesystem::path& file) {
  const TemporaryDirectory folder;
  const auto copy = folder.path() / "copy";
  std::error_code error;
  if (!std::filesystem::copy_file(file, copy, error)) {
    return fail(Code::kResourceExhausted, "cannot copy {} to {}: {}", file.string(), folder.path().string(),
                error.message());
  }
  const Fd fd(::open(copy.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::unexpected(errno_error("open", copy));
  struct stat about{};
  if (::fstat(fd.get(), &about) != 0) return std::unexpected(errno_error("read", file));
  if (about.st_size == 0) return MappedFile(nullptr, 0);
  const auto size = static_cast<std::size_t>(about.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return std::unexpected(errno_error("map", file));
  return MappedFile(static_cast<char*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace millrace::transfer
