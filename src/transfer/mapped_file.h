#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace millrace::transfer {

// A file's bytes as they were when it was opened, whoever writes it meanwhile: a copy on disk that nobody else knows,
// read as it is looked at.
class MappedFile {
 public:
  static Result<MappedFile> open_copy(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(char* data, std::size_t size) : data_(data), size_(size) {}

  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace millrace::transfer
