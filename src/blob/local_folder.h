#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/files.h"
#include "base/hash.h"
#include "blob/blob.h"
#include "blob/content.h"

namespace millrace::blob {

// A place to make a thing in; what is still there at the end is removed.
struct Staged {
  std::filesystem::path path;
  explicit Staged(std::filesystem::path at) : path(std::move(at)) {}
  Staged(const Staged&) = delete;
  ~Staged() { std::ignore = remove_tree(path); }
};

// The folder of a local store: things are made in ROOT/.staging and moved into place. Thread-safe.
class LocalFolder {
 public:
  explicit LocalFolder(std::filesystem::path root) : root_(std::move(root)), content_(root_) {}

  // Sweeps what a death left staged.
  Result<void> prepare();

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path stage();
  // Moves what is staged (and synced) to its key; what was there is removed. Answers the URI.
  Result<std::string> publish(const std::filesystem::path& staged, std::string_view key);
  // The same for a written file, which becomes read-only, or another name of the bytes that are there already.
  Result<Stored> keep(int fd, const std::filesystem::path& staged, std::string_view key, std::uint64_t size,
                      std::string_view sha256);
  Result<void> remove(std::string_view key);

  // The path of a key, or of a location outside. kPermissionDenied where symbolic links lead out of the store.
  Result<std::filesystem::path> path_of(std::string_view uri) const;
  Result<std::filesystem::path> path_of_key(std::string_view key) const;
  // kInvalidArgument where a file cannot stand at the key.
  Result<void> check_target(std::string_view key) const;

 private:
  const std::filesystem::path root_;
  const ContentNames content_;
  std::atomic<std::uint64_t> next_{0};
};

// Opens a file for writing; written pages go to the disk meanwhile, so that the last sync is short.
Result<Fd> open_for_writing(const std::filesystem::path& path);
Result<void> write_at(int fd, std::uint64_t offset, std::string_view bytes, const std::filesystem::path& path);

// Writes a file of the store.
Result<std::unique_ptr<Writer>> open_local_writer(LocalFolder& folder, std::string_view key);
Result<std::unique_ptr<Reader>> open_local_reader(const std::filesystem::path& path);
// Uploads in parts, in ROOT/.uploads.
Result<std::unique_ptr<Uploads>> open_local_uploads(LocalFolder& folder);

}  // namespace millrace::blob
