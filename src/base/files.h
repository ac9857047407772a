#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// Errors name the path and carry the system's reason; ENOSPC is kResourceExhausted ("no space left on device ...").
Result<std::string> read_file(const std::filesystem::path& path);

// Writes beside the target, syncs, renames over it: a reader sees the old file or the new one, never a part, and the
// new one survives a loss of power.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

// The folder and those above it that are missing; they survive a loss of power.
Result<void> make_directories(const std::filesystem::path& path);
// What a file contains, or which names a folder has, survives a loss of power.
Result<void> sync_path(const std::filesystem::path& path);
Result<void> remove_tree(const std::filesystem::path& path);

// An Error for the present errno, e.g. errno_error("open", path).
Error errno_error(std::string_view what, const std::filesystem::path& path);

// A fresh folder under the system's temporary folder, removed with its owner; for tests and scratch work.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace millrace
