#include "db/home_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <utility>

#include "base/files.h"

namespace millrace::db {

namespace {

std::string holder(int fd) {
  char text[32];
  const ssize_t length = ::pread(fd, text, sizeof text, 0);
  long pid = 0;
  if (length <= 0 || std::from_chars(text, text + length, pid).ec != std::errc{}) return "another millrace server";
  return fmt::format("another millrace server (pid {})", pid);
}

Result<void> write_pid(int fd, const std::filesystem::path& path) {
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) {
    return std::unexpected(errno_error("write", path));
  }
  return {};
}

}  // namespace

Result<HomeLock> HomeLock::acquire(const std::filesystem::path& home) {
  TRY(make_directories(home));
  const std::filesystem::path path = home / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(errno_error("open", path));
  HomeLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(errno_error("lock", path));
    return failed_precondition("{} uses the home folder {}; stop it or choose another folder with --home", holder(fd),
                               home.string());
  }
  TRY(write_pid(fd, path));
  return lock;
}

HomeLock::~HomeLock() {
  if (fd_ >= 0) ::close(fd_);
}

HomeLock::HomeLock(HomeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace millrace::db
