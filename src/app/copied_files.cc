#include "app/copied_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/fd.h"
#include "base/files.h"
#include "base/hash.h"

namespace millrace::app {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 20;

bool gone() { return errno == ENOENT || errno == ELOOP; }

// Nothing but zeros: what is not written of a file that is long enough reads the same and takes no room.
bool is_hole(std::string_view piece) {
  return std::ranges::all_of(piece, [](char c) { return c == 0; });
}

Result<void> write_piece(int fd, std::string_view piece, std::int64_t at, const fs::path& path) {
  if (is_hole(piece)) return {};
  while (!piece.empty()) {
    const ssize_t written = ::pwrite(fd, piece.data(), piece.size(), at);
    if (written < 0) return std::unexpected(errno_error("write", path));
    piece.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  return {};
}

}  // namespace

CopiedFiles::CopiedFiles(fs::path from, fs::path to, Skips skips)
    : from_(std::move(from)), to_(std::move(to)), skips_(std::move(skips)) {}

Result<void> CopiedFiles::copy_new() {
  std::vector<std::string> folders = {""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    for (auto it = fs::directory_iterator(from_ / folder, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
      const std::string path = (fs::path(folder) / it->path().filename()).string();
      std::error_code unknown;
      const fs::file_type type = it->symlink_status(unknown).type();
      if (skips_(path)) continue;
      if (type == fs::file_type::directory) folders.push_back(path);
      if (type == fs::file_type::regular) TRY(copy_one(path));
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      return unavailable("cannot read {}: {}", (from_ / folder).string(), error.message());
    }
  }
  return {};
}

Result<void> CopiedFiles::copy_one(const std::string& path) {
  const Fd file(::open((from_ / path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && gone()) return {};
  if (!file) return std::unexpected(errno_error("open", from_ / path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return std::unexpected(errno_error("look at", from_ / path));
  Copied copied{.seen = {.inode = {status.st_dev, status.st_ino},
                         .bytes = status.st_size,
                         .changed_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec}};
  const auto known = copied_.find(path);
  if (known != copied_.end() && known->second.seen == copied.seen) return {};
  TRY(make_directories((to_ / path).parent_path()));
  std::error_code error;
  fs::remove(to_ / path, error);
  const auto first = first_names_.find(copied.seen.inode);
  if (status.st_nlink > 1 && first != first_names_.end() && copied_.at(first->second).seen == copied.seen) {
    copied = copied_.at(first->second);
    fs::create_hard_link(to_ / first->second, to_ / path, error);
    if (error) return unavailable("cannot link {}: {}", (to_ / path).string(), error.message());
  } else {
    TRY(copy_bytes(path, file.get(), copied));
    first_names_[copied.seen.inode] = path;
  }
  copied_[path] = std::move(copied);
  return {};
}

Result<void> CopiedFiles::copy_bytes(const std::string& path, int fd, Copied& copied) {
  const fs::path target = to_ / path;
  struct stat status{};
  ::fstat(fd, &status);
  const Fd out(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return std::unexpected(errno_error("write", target));
  Hasher hasher;
  const std::unique_ptr<char[]> buffer(new char[kPiece]);
  for (;;) {
    const ssize_t size = ::read(fd, buffer.get(), kPiece);
    if (size < 0) return std::unexpected(errno_error("read", from_ / path));
    if (size == 0) break;
    const std::string_view piece(buffer.get(), static_cast<std::size_t>(size));
    hasher.add(piece);
    TRY(write_piece(out.get(), piece, copied.bytes, target));
    copied.bytes += size;
  }
  if (::ftruncate(out.get(), copied.bytes) != 0 || ::fchmod(out.get(), status.st_mode & 0777) != 0 ||
      ::fsync(out.get()) != 0) {
    return std::unexpected(errno_error("write", target));
  }
  copied.sha256 = hasher.finish();
  return {};
}

std::vector<BackupFile> CopiedFiles::files() const {
  std::vector<BackupFile> files;
  for (const auto& [path, copied] : copied_) files.push_back({path, copied.bytes, copied.sha256});
  return files;
}

}  // namespace millrace::app
