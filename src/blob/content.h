#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::blob {

// The same bytes are kept once: ROOT/.content/ab/abcdef... is one more name of the file whose SHA-256 that is, so a
// second file of the same bytes becomes a further name of the first. The checksum itself is kept in the file's extended
// attribute "user.sha256", where the file system has such. A name in .content without another is only ever left by the
// loss of power, and harmless. Thread-safe.
class ContentNames {
 public:
  explicit ContentNames(const std::filesystem::path& root) : folder_(root / ".content") {}

  // Makes `to` a name of the file of these bytes; false where there is none.
  bool reuse(std::string_view sha256, std::uint64_t size, const std::filesystem::path& to) const;
  // Before a finished file is moved to its key.
  static void set_checksum(int fd, std::string_view sha256);
  // "" where it is not known.
  static std::string checksum(const std::filesystem::path& file);
  // After it was.
  void remember(const std::filesystem::path& file, std::string_view sha256) const;
  // Before a file or folder is removed.
  void forget(const std::filesystem::path& path) const;

 private:
  std::filesystem::path name_of(std::string_view sha256) const;

  const std::filesystem::path folder_;
};

}  // namespace millrace::blob
