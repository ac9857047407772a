#include "blob/s3/copies.h"

#include <algorithm>
#include <fstream>

#include "base/files.h"
#include "base/hash.h"
#include "blob/durable.h"

namespace millrace::blob {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPiece = 8 << 20;
constexpr int kMostReplacements = 20;

struct Copy {
  fs::path folder;
  fs::file_time_type used;
  std::uint64_t size = 0;
};

std::vector<Copy> copies_in(const fs::path& folder) {
  std::vector<Copy> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    Copy copy{it->path(), it->last_write_time(error)};
    for (const auto& file : files_below(it->path()).value_or(std::vector<fs::path>{})) {
      const auto size = fs::file_size(file, error);
      if (!error) copy.size += size;
    }
    found.push_back(std::move(copy));
  }
  return found;
}

std::string identity_of(const std::vector<Object>& objects) {
  Hasher hasher;
  for (const auto& object : objects) hasher.add_field(object.key).add_field(object.etag);
  return hasher.finish();
}

}  // namespace

Result<void> Copies::prepare(std::uint64_t limit) {
  TRY(remove_tree(folder_ / ".staging"));
  TRY(make_directories(folder_ / ".staging"));
  auto copies = copies_in(folder_);
  std::ranges::sort(copies, std::greater<>(), &Copy::used);
  std::uint64_t kept = 0;
  for (const auto& copy : copies) {
    kept += copy.size;
    if (kept > limit) TRY(remove_tree(copy.folder));
  }
  return {};
}

Result<void> Copies::fetch_one(const Object& object, const fs::path& file) {
  TRY(make_directories(file.parent_path()));
  std::ofstream out(file, std::ios::binary);
  for (std::uint64_t offset = 0; offset < object.size; offset += kPiece) {
    const auto wanted = std::min(kPiece, object.size - offset);
    const auto bytes = TRY(bucket_.get(object.key, object.etag, offset, wanted));
    if (bytes.size() != wanted) return data_loss("S3 answered only a part of {}", object.key);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  out.close();
  if (!out) return std::unexpected(errno_error("write", file));
  return {};
}

Result<void> Copies::fetch_all(const std::vector<Object>& objects, const std::string& key, const fs::path& into) {
  const fs::path top = into / fs::path(key).filename();
  for (const auto& object : objects)
    TRY(fetch_one(object, object.key == key ? top : top / object.key.substr(key.size() + 1)));
  return {};
}

// What is replaced while it is fetched is fetched again, as it is now.
Result<fs::path> Copies::fetch(const std::string& key) {
  auto copy = fetch_once(key);
  for (int i = 0; i < kMostReplacements && !copy && copy.error().code == Code::kAborted; ++i) copy = fetch_once(key);
  return copy;
}

Result<fs::path> Copies::fetch_once(const std::string& key) {
  std::vector<Object> objects;
  auto alone = bucket_.head(key);
  if (alone) {
    objects.push_back(std::move(*alone));
  } else if (alone.error().code != Code::kNotFound) {
    return std::unexpected(alone.error());
  } else {
    TRY(bucket_.list_all(key + "/", [&](const Object& object) -> Result<void> {
      objects.push_back(object);
      return {};
    }));
  }
  if (objects.empty()) return not_found("there is no object {}", key);
  const fs::path place = folder_ / identity_of(objects);
  fs::path copy = place / fs::path(key).filename();
  std::error_code error;
  if (fs::exists(copy, error)) {
    fs::last_write_time(place, fs::file_time_type::clock::now(), error);
    return copy;
  }
  const fs::path staged = folder_ / ".staging" / std::to_string(next_++);
  const auto fetched = fetch_all(objects, key, staged);
  if (fetched) fs::rename(staged, place, error);
  if (!fetched || error) TRY(remove_tree(staged));  // another thread may have been quicker
  TRY(fetched);
  if (!fs::exists(copy, error)) return std::unexpected(errno_error("make", copy));
  return copy;
}

}  // namespace millrace::blob
