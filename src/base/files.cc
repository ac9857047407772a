#include "base/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace millrace {
namespace {

// Closes a descriptor when it goes.
struct Fd {
  int fd;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

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

}  // namespace

Error errno_error(std::string_view what, const std::filesystem::path& path) {
  auto error = errno;
  return {code_of(error), fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error))};
}

Result<std::string> read_file(const std::filesystem::path& path) {
  Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return std::unexpected(errno_error("read", path));
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    auto n = ::read(file.fd, buffer, sizeof buffer);
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
    Fd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) return std::unexpected(errno_error("write", temporary));
    auto written = write_all(file.fd, bytes, path);
    if (written && ::fsync(file.fd) != 0) written = std::unexpected(errno_error("sync", path));
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return std::unexpected(errno_error("write", path));
  return {};
}

Result<void> make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(code_of(error.value()), "cannot make the folder {}: {}", path.string(), error.message());
  return {};
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
