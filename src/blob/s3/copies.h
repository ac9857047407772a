#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "blob/s3/bucket.h"

namespace millrace::blob {

// Copies of objects on this machine's disk, for those that need a file. A copy is named by its objects' keys and etags,
// so it never goes stale: what is replaced is another copy. Thread-safe.
class Copies {
 public:
  Copies(Bucket& bucket, std::filesystem::path folder) : bucket_(bucket), folder_(std::move(folder)) {}

  // Sweeps what a death left half fetched, and the longest unused copies beyond so many bytes.
  Result<void> prepare(std::uint64_t limit);

  // The file, or the folder of all objects below `key`. kNotFound where there is neither.
  Result<std::filesystem::path> fetch(const std::string& key);

 private:
  Result<std::filesystem::path> fetch_once(const std::string& key);
  Result<void> fetch_all(const std::vector<Object>& objects, const std::string& key, const std::filesystem::path& into);
  Result<void> fetch_one(const Object& object, const std::filesystem::path& file);

  Bucket& bucket_;
  const std::filesystem::path folder_;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace millrace::blob
