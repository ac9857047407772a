#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "base/result.h"
#include "replicas/state.h"

namespace millrace::replicas {

// Model folders of a server on this machine's disk, by content: a file is fetched once, whatever versions have it. It
// may be deleted while nobody uses it. Below its root:
//   content/SHA256      a whole file
//   models/DIGEST/...   a whole folder, of further names of those (digest_of)
//   tmp/                what is not whole yet
// One thread at a time, and one process.
class ModelCache {
 public:
  // Some bytes of the file with this SHA-256: as many as asked for, fewer only at its end.
  using Fetch = std::function<Result<std::string>(const ModelFile& file, std::uint64_t offset, std::size_t most)>;

  static Result<ModelCache> open(std::filesystem::path root, Fetch fetch);

  // The folder of these files, fetched where it is not there. It is whole and what it should be, or an error:
  // kDataLoss for bytes that are others than was said, kResourceExhausted where the disk has no room, Fetch's own.
  Result<std::filesystem::path> folder(const std::vector<ModelFile>& files);

  // Removes what no folder of these digests needs.
  Result<void> keep_only(const std::set<std::string>& digests);

 private:
  ModelCache(std::filesystem::path root, Fetch fetch) : root_(std::move(root)), fetch_(std::move(fetch)) {}
  Result<void> check_room(const std::vector<ModelFile>& files) const;
  Result<void> ensure(const ModelFile& file);
  Result<void> download(const ModelFile& file, const std::filesystem::path& to);
  Result<void> assemble(const std::vector<ModelFile>& files, const std::filesystem::path& to) const;
  std::filesystem::path content(const ModelFile& file) const { return root_ / "content" / file.sha256; }

  std::filesystem::path root_;
  Fetch fetch_;
};

}  // namespace millrace::replicas
