#include "base/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/fd.h"

namespace millrace {
namespace {

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(errno_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Code code_of(int error) {
  switch (error) {
    case ENOENT:
      return Code::kNotFound;
    case EACCES:
    case EPERM:
      return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return Code::kResourceExhausted;
    case EEXIST:
      return Code::kAlreadyExists;
    default:
      return Code::kInternal;
  }
}

Result<void> make_missing(const std::filesystem::path& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  TRY(make_missing(path.parent_path()));
  std::filesystem::create_directory(path, error);
  if (error) return fail(code_of(error.value()), "cannot make the folder {}: {}", path.string(), error.message());
  return sync_path(path.parent_path());
}

}  // namespace

Error errno_error(std::string_view what, const std::filesystem::path& path) {
  auto error = errno;
  return {code_of(error), fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error))};
}

Result<std::string> read_file(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::unexpected(errno_error("read", path));
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    auto n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(errno_error("read", path));
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<void> write_file(const std::filesystem::path& path, std::string_view bytes) {
  auto temporary = path;
  temporary += fmt::format(".{}.part", ::getpid());
  {
    const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) return std::unexpected(errno_error("write", temporary));
    auto written = write_all(file.get(), bytes, path);
    if (written && ::fsync(file.get()) != 0) written = std::unexpected(errno_error("sync", path));
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return std::unexpected(errno_error("write", path));
  return sync_path(path.parent_path());
}

Result<void> sync_path(const std::filesystem::path& path) {
  const Fd file(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::unexpected(errno_error("open", path));
  if (::fsync(file.get()) != 0) return std::unexpected(errno_error("sync", path));
  return {};
}

// One thread at a time: a folder that another one has just made is not there before it is synced.
Result<void> make_directories(const std::filesystem::path& path) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  return make_missing(path);
}

Result<void> remove_tree(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(code_of(error.value()), "cannot remove {}: {}", path.string(), error.message());
  return {};
}

TemporaryDirectory::TemporaryDirectory() {
  auto pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) die(errno_error("make", pattern), __FILE__, __LINE__);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() { (void)remove_tree(path_); }

}  // namespace millrace
