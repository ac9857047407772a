#include "blob/local_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "blob/durable.h"
#include "blob/key.h"

namespace millrace::blob {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStaging = ".staging";
constexpr std::uint64_t kWriteBack = 8 << 20;

bool lies_below(const fs::path& path, const fs::path& root) {
  return std::ranges::mismatch(root, path).in1 == root.end();
}

}  // namespace

Result<void> LocalFolder::prepare() {
  TRY(remove_tree(root_ / kStaging));
  return make_directories(root_ / kStaging);
}

fs::path LocalFolder::stage() { return root_ / kStaging / std::to_string(next_.fetch_add(1)); }

Result<std::string> LocalFolder::publish(const fs::path& staged, std::string_view key) {
  TRY(place(staged, root_ / key));
  content_.forget(staged);
  TRY(remove_tree(staged));
  return uri_of(key);
}

Result<Stored> LocalFolder::keep(int fd, const fs::path& staged, std::string_view key, std::uint64_t size,
                                 std::string_view sha256) {
  const Staged twin(stage());
  if (content_.reuse(sha256, size, twin.path)) {
    return Stored{TRY(publish(twin.path, key)), size, std::string(sha256)};
  }
  ContentNames::set_checksum(fd, sha256);
  ::fchmod(fd, S_IRUSR | S_IRGRP | S_IROTH);
  if (::fsync(fd) != 0) return std::unexpected(errno_error("sync", staged));
  auto uri = TRY(publish(staged, key));
  content_.remember(root_ / key, sha256);
  return Stored{std::move(uri), size, std::string(sha256)};
}

// Out of sight at once, so that no reader finds half of a folder.
Result<void> LocalFolder::remove(std::string_view key) {
  const fs::path path = TRY(path_of_key(key));
  const fs::path removed = stage();
  if (::rename(path.c_str(), removed.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return std::unexpected(errno_error("remove", path));
  }
  TRY(sync_path(path.parent_path()));
  content_.forget(removed);
  return remove_tree(removed);
}

Result<fs::path> LocalFolder::path_of(std::string_view uri) const {
  const Location location = TRY(parse_uri(uri));
  if (location.outside) return fs::path(location.path);
  return path_of_key(location.path);
}

// The root itself may be reached through links.
Result<fs::path> LocalFolder::path_of_key(std::string_view key) const {
  if (key.empty()) return root_;
  TRY(check_key(key));
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(root_ / key, error);
  if (error || !lies_below(resolved, fs::weakly_canonical(root_, error))) {
    return fail(Code::kPermissionDenied, "artifact {} does not lie in the store", key);
  }
  return root_ / key;
}

Result<void> LocalFolder::check_target(std::string_view key) const {
  const fs::path path = TRY(path_of_key(key));
  std::error_code error;
  if (fs::is_directory(path, error)) return invalid_argument("\"{}\" is a folder, and cannot become a file", key);
  for (fs::path above = path.parent_path(); above != root_; above = above.parent_path()) {
    const auto status = fs::status(above, error);
    if (fs::is_directory(status)) break;
    if (fs::exists(status)) {
      return invalid_argument("\"{}\" cannot be written: {} is a file, not a folder", key,
                              above.lexically_relative(root_).string());
    }
  }
  return {};
}

Result<Fd> open_for_writing(const fs::path& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return std::unexpected(errno_error("write", path));
  return fd;
}

Result<void> write_at(int fd, std::uint64_t offset, std::string_view bytes, const fs::path& path) {
  const auto first = offset;
  while (!bytes.empty()) {
    const auto count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(errno_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  if (first / kWriteBack != offset / kWriteBack) {
    const auto end = offset / kWriteBack * kWriteBack;
    ::sync_file_range(fd, static_cast<off_t>(end - kWriteBack), kWriteBack, SYNC_FILE_RANGE_WRITE);
  }
  return {};
}

}  // namespace millrace::blob
