#include "blob/durable.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "base/files.h"

namespace millrace::blob {

namespace fs = std::filesystem;

namespace {

Error fault(std::string_view what, const fs::path& path, std::error_code error) {
  errno = error.value();
  return errno_error(what, path);
}

}  // namespace

Result<void> sync_tree(const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_symlink()) return invalid_argument("{} is a symbolic link; artifacts are files", it->path().string());
    TRY(sync_path(it->path()));
  }
  if (error) return std::unexpected(fault("read", folder, error));
  return sync_path(folder);
}

Result<void> copy_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) return std::unexpected(fault("copy", from, error));
  return {};
}

Result<void> copy_tree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return std::unexpected(fault("copy", from, error));
  return {};
}

Result<void> move_path(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EXDEV) return std::unexpected(errno_error("move", from));
  TRY(fs::is_directory(from) ? copy_tree(from, to) : blob::copy_file(from, to));
  return remove_tree(from);
}

Result<void> place(const fs::path& staged, const fs::path& target) {
  TRY(make_directories(target.parent_path()));
  // A folder cannot be renamed over a full one: they change places.
  if (::renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    return sync_path(target.parent_path());
  }
  if (errno != ENOENT && errno != EINVAL) return std::unexpected(errno_error("replace", target));
  if (::rename(staged.c_str(), target.c_str()) != 0) return std::unexpected(errno_error("write", target));
  return sync_path(target.parent_path());
}

Result<std::vector<fs::path>> files_below(const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code error;
  if (fs::is_regular_file(path, error)) files.push_back(path);
  if (!fs::is_directory(path, error)) return files;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file()) files.push_back(it->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) return std::unexpected(fault("read", path, error));
  return files;
}

}  // namespace millrace::blob
