#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <vector>

#include "base/files.h"
#include "blob/durable.h"
#include "blob/key.h"
#include "blob/s3/copies.h"
#include "blob/s3/objects.h"
#include "blob/s3/s3.h"
#include "blob/s3/uploads.h"

namespace millrace::blob {
namespace {

namespace fs = std::filesystem;

class S3Store final : public Store {
 public:
  S3Store(std::unique_ptr<Bucket> bucket, const S3Settings& settings, IdSource& ids)
      : bucket_(std::move(bucket)),
        keys_{settings.prefix.empty() ? "" : settings.prefix + "/"},
        copies_(*bucket_, settings.copies),
        uploads_(*bucket_, keys_, ids) {}

  Result<std::string> put_bytes(std::string_view bytes, std::string_view key) override {
    auto writer = TRY(write(key));
    TRY(writer->append(bytes));
    return TRY(writer->finish()).uri;
  }

  Result<std::string> put_file(const fs::path& file, std::string_view key, Origin origin) override {
    TRY(check_key(key));
    TRY(put_one(file, key));
    if (origin == Origin::kTake) TRY(remove_tree(file));
    return uri_of(key);
  }

  Result<std::string> put_tree(const fs::path& folder, std::string_view key, Origin origin) override {
    TRY(check_key(key));
    if (!fs::is_directory(folder)) return not_found("folder {} does not exist", folder.string());
    std::set<std::string> put;
    for (const auto& file : TRY(regular_files(folder))) {
      auto name = fmt::format("{}/{}", key, file.lexically_relative(folder).generic_string());
      TRY(put_one(file, name));
      put.insert(std::move(name));
    }
    for (const auto& old : TRY(list(key)))
      if (!put.contains(old)) TRY(bucket_->remove(keys_.object(old)));
    if (origin == Origin::kTake) TRY(remove_tree(folder));
    return uri_of(key);
  }

  Result<fs::path> local_path(std::string_view uri) override {
    const auto location = TRY(parse_uri(uri));
    if (!location.outside) {
      auto copy = copies_.fetch(keys_.object(location.path));
      if (!copy && copy.error().code == Code::kNotFound) return not_found("artifact {} does not exist", uri);
      return copy;
    }
    std::error_code error;
    if (!fs::exists(location.path, error)) return not_found("artifact {} does not exist", uri);
    return fs::path(location.path);
  }

  Result<bool> exists(std::string_view uri) override {
    const auto found = stat(uri);
    if (!found && found.error().code != Code::kNotFound) return std::unexpected(found.error());
    return found.has_value();
  }

  Result<void> remove(std::string_view uri) override {
    const auto location = TRY(parse_uri(uri));
    if (location.outside) return invalid_argument("{} lies outside of the artifact store and is not removed", uri);
    TRY(bucket_->remove(keys_.object(location.path)));
    return remove_below(*bucket_, keys_.object(location.path) + "/");
  }

  Result<std::vector<std::string>> list(std::string_view key_prefix) override {
    std::vector<std::string> keys;
    const auto add = [&](const Object& object) -> Result<void> {
      auto key = keys_.key(object.key);
      if (!key.starts_with('.')) keys.push_back(std::move(key));
      return {};
    };
    if (!key_prefix.empty()) {
      TRY(check_key(key_prefix));
      if (const auto alone = bucket_->head(keys_.object(key_prefix))) TRY(add(*alone));
    }
    TRY(bucket_->list_all(key_prefix.empty() ? keys_.prefix : keys_.object(key_prefix) + "/", add));
    std::ranges::sort(keys);
    return keys;
  }

  Result<std::unique_ptr<Writer>> write(std::string_view key) override {
    TRY(check_key(key));
    return open_object_writer(*bucket_, keys_.object(key), uri_of(key));
  }

  Result<std::unique_ptr<Reader>> read(std::string_view uri) override {
    auto reader = open_object_reader(*bucket_, keys_.object(TRY(key_of(uri))));
    if (!reader && reader.error().code == Code::kNotFound) return not_found("artifact {} does not exist", uri);
    return reader;
  }

  Result<Stat> stat(std::string_view uri) override {
    const auto key = keys_.object(TRY(key_of(uri)));
    auto object = bucket_->head(key);
    if (object) return Stat{.size = object->size, .sha256 = std::move(object->sha256), .modified = object->modified};
    if (object.error().code != Code::kNotFound) return std::unexpected(object.error());
    const auto below = TRY(bucket_->list({.prefix = key + "/", .delimiter = {}, .after = {}, .most = 1}));
    if (below.objects.empty()) return not_found("artifact {} does not exist", uri);
    return Stat{.is_folder = true, .modified = below.objects.front().modified};
  }

  Result<std::vector<Entry>> list_folder(std::string_view key) override {
    if (!key.empty()) TRY(check_key(key));
    ListRequest request{.prefix = key.empty() ? keys_.prefix : keys_.object(key) + "/", .delimiter = "/", .after = {}};
    const auto name_of = [&](std::string_view object) {
      object.remove_prefix(request.prefix.size());
      if (object.ends_with('/')) object.remove_suffix(1);
      return std::string(object);
    };
    std::vector<Entry> entries;
    do {
      auto page = TRY(bucket_->list(request));
      for (const auto& folder : page.folders) entries.push_back({name_of(folder), true, 0});
      for (const auto& object : page.objects) entries.push_back({name_of(object.key), false, object.size});
      request.after = std::move(page.next);
    } while (!request.after.empty());
    if (key.empty()) std::erase_if(entries, [](const Entry& entry) { return entry.name.starts_with('.'); });
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  Uploads& uploads() override { return uploads_; }

  Result<std::optional<std::string>> direct_address(std::string_view key, Direct what, Duration lifetime) override {
    TRY(check_key(key));
    return bucket_->presigned(what == Direct::kRead ? "GET" : "PUT", keys_.object(key), lifetime);
  }

  Result<void> prepare(std::uint64_t copies_limit) {
    TRY(bucket_->list({.prefix = keys_.prefix, .delimiter = {}, .after = {}, .most = 1}));
    return copies_.prepare(copies_limit);
  }

 private:
  static Result<std::vector<fs::path>> regular_files(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_symlink()) return invalid_argument("{} is a symbolic link", entry.path().string());
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  Result<void> put_one(const fs::path& file, std::string_view key) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::unexpected(errno_error("read", file));
    auto writer = TRY(write(key));
    std::vector<char> piece(1 << 20);
    while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0)
      TRY(writer->append({piece.data(), static_cast<std::size_t>(in.gcount())}));
    if (in.bad()) return std::unexpected(errno_error("read", file));
    TRY(writer->finish());
    return {};
  }

  const std::unique_ptr<Bucket> bucket_;
  const ObjectKeys keys_;
  Copies copies_;
  S3Uploads uploads_;
};

std::string value_of(const std::function<const char*(const char*)>& variable,
                     std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = variable(name); value && *value) return value;
  return {};
}

}  // namespace

Result<S3Settings> parse_s3_uri(std::string_view uri, const std::function<const char*(const char*)>& variable) {
  constexpr std::string_view kScheme = "s3://";
  if (!uri.starts_with(kScheme)) return invalid_argument("\"{}\" is not like s3://BUCKET/PREFIX", uri);
  auto place = uri.substr(kScheme.size());
  while (place.ends_with('/')) place.remove_suffix(1);
  const auto slash = std::min(place.find('/'), place.size());
  S3Settings settings;
  settings.bucket.bucket = place.substr(0, slash);
  if (slash < place.size()) settings.prefix = place.substr(slash + 1);
  if (settings.bucket.bucket.empty() || place.find_first_of("?#") != std::string_view::npos)
    return invalid_argument("\"{}\" is not like s3://BUCKET/PREFIX", uri);
  if (!settings.prefix.empty()) TRY(check_key(settings.prefix));
  settings.bucket.credentials = {.access_key = value_of(variable, {"AWS_ACCESS_KEY_ID"}),
                                 .secret_key = value_of(variable, {"AWS_SECRET_ACCESS_KEY"}),
                                 .session_token = value_of(variable, {"AWS_SESSION_TOKEN"})};
  if (auto region = value_of(variable, {"AWS_REGION", "AWS_DEFAULT_REGION"}); !region.empty())
    settings.bucket.region = std::move(region);
  settings.bucket.endpoint = value_of(variable, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (settings.bucket.endpoint.empty())
    settings.bucket.endpoint = fmt::format("https://s3.{}.amazonaws.com", settings.bucket.region);
  return settings;
}

Result<std::unique_ptr<Store>> open_s3(const S3Settings& settings, const Clock& clock, IdSource& ids) {
  auto store = std::make_unique<S3Store>(TRY(Bucket::open(settings.bucket, clock)), settings, ids);
  TRY(store->prepare(settings.copies_limit));
  return store;
}

}  // namespace millrace::blob
