#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace millrace::blob {

// Files and folders that survive a loss of power. None follows a symbolic link out of what it was given.

// Every file and folder below, and the folder itself.
Result<void> sync_tree(const std::filesystem::path& folder);

Result<void> copy_file(const std::filesystem::path& from, const std::filesystem::path& to);
Result<void> copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);
// A rename, or across file systems a copy and a removal.
Result<void> move_path(const std::filesystem::path& from, const std::filesystem::path& to);

// Moves `staged` (synced, on the same file system) to `target` in one step, making the folders above it; what was there
// is at `staged` afterwards.
Result<void> place(const std::filesystem::path& staged, const std::filesystem::path& target);

// All regular files at or below a path; none where it does not exist.
Result<std::vector<std::filesystem::path>> files_below(const std::filesystem::path& path);

}  // namespace millrace::blob
