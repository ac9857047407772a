#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "base/files.h"
#include "blob/blob.h"
#include "blob/durable.h"
#include "blob/key.h"

namespace millrace::blob {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStaging = ".staging";

// A place to make a thing in; what is still there at the end is removed.
struct Staged {
  fs::path path;
  explicit Staged(fs::path at) : path(std::move(at)) {}
  Staged(const Staged&) = delete;
  ~Staged() { std::ignore = remove_tree(path); }
};

// Things are made in ROOT/.staging and moved into place.
class LocalStore final : public Store {
 public:
  explicit LocalStore(fs::path root) : root_(std::move(root)) {}

  Result<std::string> put_bytes(std::string_view bytes, std::string_view key) override {
    TRY(check_key(key));
    const Staged staged(stage());
    TRY(write_file(staged.path, bytes));
    return publish(staged.path, key);
  }

  Result<std::string> put_file(const fs::path& file, std::string_view key, Origin origin) override {
    TRY(check_key(key));
    const Staged staged(stage());
    TRY(origin == Origin::kTake ? move_path(file, staged.path) : blob::copy_file(file, staged.path));
    TRY(sync_file(staged.path));
    return publish(staged.path, key);
  }

  Result<std::string> put_tree(const fs::path& folder, std::string_view key, Origin origin) override {
    TRY(check_key(key));
    if (!fs::is_directory(folder)) return not_found("folder {} does not exist", folder.string());
    const Staged staged(stage());
    TRY(origin == Origin::kTake ? move_path(folder, staged.path) : copy_tree(folder, staged.path));
    TRY(sync_tree(staged.path));
    return publish(staged.path, key);
  }

  Result<fs::path> local_path(std::string_view uri) override {
    const Location location = TRY(parse_uri(uri));
    const fs::path path = location.outside ? fs::path(location.path) : root_ / location.path;
    std::error_code error;
    if (!fs::exists(path, error)) return not_found("artifact {} does not exist", uri);
    return path;
  }

  Result<bool> exists(std::string_view uri) override {
    const auto path = local_path(uri);
    if (!path && path.error().code != Code::kNotFound) return std::unexpected(path.error());
    return path.has_value();
  }

  Result<void> remove(std::string_view uri) override {
    const Location location = TRY(parse_uri(uri));
    if (location.outside) return invalid_argument("{} lies outside of the artifact store and is not removed", uri);
    // Out of sight at once, so that no reader finds half of a folder.
    const fs::path path = root_ / location.path;
    const fs::path removed = stage();
    if (::rename(path.c_str(), removed.c_str()) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      return std::unexpected(errno_error("remove", path));
    }
    TRY(sync_folder(path.parent_path()));
    return remove_tree(removed);
  }

  Result<std::vector<std::string>> list(std::string_view key_prefix) override {
    if (!key_prefix.empty()) TRY(check_key(key_prefix));
    std::vector<std::string> keys;
    for (const fs::path& file : TRY(files_below(root_ / key_prefix))) {
      std::string key = file.lexically_relative(root_).generic_string();
      if (!key.starts_with('.')) keys.push_back(std::move(key));
    }
    std::ranges::sort(keys);
    return keys;
  }

  Result<void> prepare() {
    TRY(remove_tree(root_ / kStaging));
    return make_directories(root_ / kStaging);
  }

 private:
  fs::path stage() { return root_ / kStaging / std::to_string(next_.fetch_add(1)); }

  Result<std::string> publish(const fs::path& staged, std::string_view key) {
    TRY(place(staged, root_ / key));
    return uri_of(key);
  }

  const fs::path root_;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace

Result<std::unique_ptr<Store>> open_local(const fs::path& root) {
  std::error_code error;
  auto store = std::make_unique<LocalStore>(fs::absolute(root, error));
  TRY(store->prepare());
  return store;
}

}  // namespace millrace::blob
