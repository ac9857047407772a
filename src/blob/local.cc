#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/files.h"
#include "blob/blob.h"
#include "blob/durable.h"
#include "blob/key.h"
#include "blob/local_folder.h"

namespace millrace::blob {

namespace {

namespace fs = std::filesystem;

class LocalStore final : public Store {
 public:
  explicit LocalStore(fs::path root) : folder_(std::move(root)) {}

  Result<std::string> put_bytes(std::string_view bytes, std::string_view key) override {
    TRY(check_key(key));
    const Staged staged(folder_.stage());
    TRY(write_file(staged.path, bytes));
    return folder_.publish(staged.path, key);
  }

  Result<std::string> put_file(const fs::path& file, std::string_view key, Origin origin) override {
    TRY(check_key(key));
    const Staged staged(folder_.stage());
    TRY(origin == Origin::kTake ? move_path(file, staged.path) : blob::copy_file(file, staged.path));
    TRY(sync_path(staged.path));
    return folder_.publish(staged.path, key);
  }

  Result<std::string> put_tree(const fs::path& folder, std::string_view key, Origin origin) override {
    TRY(check_key(key));
    if (!fs::is_directory(folder)) return not_found("folder {} does not exist", folder.string());
    const Staged staged(folder_.stage());
    TRY(origin == Origin::kTake ? move_path(folder, staged.path) : copy_tree(folder, staged.path));
    TRY(sync_tree(staged.path));
    return folder_.publish(staged.path, key);
  }

  Result<fs::path> local_path(std::string_view uri) override {
    fs::path path = TRY(folder_.path_of(uri));
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
    return folder_.remove(location.path);
  }

  Result<std::vector<std::string>> list(std::string_view key_prefix) override {
    const fs::path from = TRY(folder_.path_of_key(key_prefix));
    std::vector<std::string> keys;
    for (const fs::path& file : TRY(files_below(from))) {
      std::string key = file.lexically_relative(folder_.root()).generic_string();
      if (!key.starts_with('.')) keys.push_back(std::move(key));
    }
    std::ranges::sort(keys);
    return keys;
  }

  Result<std::unique_ptr<Writer>> write(std::string_view key) override { return open_local_writer(folder_, key); }

  Result<std::unique_ptr<Reader>> read(std::string_view uri) override {
    return open_local_reader(TRY(local_path(uri)));
  }

  Result<Stat> stat(std::string_view uri) override {
    const fs::path path = TRY(local_path(uri));
    struct ::stat status{};
    if (::stat(path.c_str(), &status) != 0) return std::unexpected(errno_error("read", path));
    const Timestamp modified{status.st_mtim.tv_sec * 1'000'000 + status.st_mtim.tv_nsec / 1000};
    if (S_ISDIR(status.st_mode)) return Stat{.is_folder = true, .modified = modified};
    return Stat{.size = static_cast<std::uint64_t>(status.st_size),
                .sha256 = ContentNames::checksum(path),
                .modified = modified};
  }

  Result<std::vector<Entry>> list_folder(std::string_view key) override {
    const fs::path path = TRY(folder_.path_of_key(key));
    std::vector<Entry> entries;
    std::error_code error;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      std::string name = it->path().filename().string();
      if (it->is_symlink() || (key.empty() && name.starts_with('.'))) continue;
      std::error_code gone;
      const bool is_folder = it->is_directory(gone);
      const std::uint64_t size = is_folder ? 0 : it->file_size(gone);
      if (!gone) entries.push_back({std::move(name), is_folder, size});
    }
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  Uploads& uploads() override { return *uploads_; }

  Result<std::optional<std::string>> direct_address(std::string_view, Direct, Duration) override {
    return std::nullopt;
  }

  Result<void> prepare() {
    TRY(folder_.prepare());
    uploads_ = TRY(open_local_uploads(folder_));
    return {};
  }

 private:
  LocalFolder folder_;
  std::unique_ptr<Uploads> uploads_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_local(const fs::path& root) {
  std::error_code error;
  auto store = std::make_unique<LocalStore>(fs::absolute(root, error));
  TRY(store->prepare());
  return store;
}

}  // namespace millrace::blob
