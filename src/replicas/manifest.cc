#include "replicas/manifest.h"

#include <algorithm>

#include "base/hash.h"
#include "blob/blob.h"
#include "registry/registry.h"

namespace millrace::replicas {

namespace fs = std::filesystem;

Result<Manifest> read_manifest(const fs::path& folder) {
  Manifest manifest{.files = {}, .folder = folder};
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, error);
  if (error) return unavailable("cannot read the folder {}: {}", folder.string(), error.message());
  for (; entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (error) return unavailable("cannot read the folder {}: {}", folder.string(), error.message());
    if (!entries->is_regular_file(error)) continue;
    manifest.files.push_back({.path = fs::relative(entries->path(), folder, error).generic_string(),
                              .size = entries->file_size(error),
                              .sha256 = TRY(sha256_file(entries->path()))});
  }
  std::ranges::sort(manifest.files, {}, &ModelFile::path);
  return manifest;
}

Result<std::shared_ptr<const Manifest>> Manifests::find(const std::string& model, std::int64_t version) {
  const std::string uri = TRY(registry_->find_version(model, version)).location();
  used_.insert(uri);
  auto& known = known_[uri];
  if (!known) known = std::make_shared<const Manifest>(TRY(read_manifest(TRY(blobs_->local_path(uri)))));
  return known;
}

Result<std::int64_t> Manifests::version_of(const std::string& model, const std::string& alias) const {
  return TRY(registry_->find_alias(model, alias)).version;
}

void Manifests::forget_unused() {
  std::erase_if(known_, [&](const auto& entry) { return !used_.contains(entry.first) || !entry.second; });
  used_.clear();
}

}  // namespace millrace::replicas
