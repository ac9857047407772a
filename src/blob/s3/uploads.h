#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "blob/blob.h"
#include "blob/s3/bucket.h"

namespace millrace::blob {

// A store's keys and the objects that they stand for.
struct ObjectKeys {
  std::string prefix;  // "" or "team/"

  std::string object(std::string_view key) const { return prefix + std::string(key); }
  std::string key(std::string_view object) const { return std::string(object.substr(prefix.size())); }
};

// Removes every object that begins so.
Result<void> remove_below(Bucket& bucket, const std::string& prefix);

// Uploads whose parts are objects below .uploads/ID until the whole is made of them, by S3 itself where the parts are
// large enough for that (5 MiB), else by us:
//   upload                the number of parts and the key
//   00001                 a part's bytes
//   1-SIZE-SHA256         empty; that part came through us and is whole
class S3Uploads final : public Uploads {
 public:
  S3Uploads(Bucket& bucket, const ObjectKeys& keys, IdSource& ids) : bucket_(bucket), keys_(keys), ids_(ids) {}

  Result<std::string> begin(std::string_view key, int parts) override;
  Result<std::unique_ptr<Writer>> write_part(std::string_view upload, int number, std::uint64_t size) override;
  Result<std::optional<std::string>> part_address(std::string_view upload, int number, Duration lifetime) override;
  Result<std::vector<Part>> list_parts(std::string_view upload) override;
  Result<Stored> complete(std::string_view upload, std::span<const Part> parts) override;
  Result<void> abort(std::string_view upload) override;
  Result<int> remove_abandoned(Timestamp since) override;

 private:
  struct Upload {
    std::string folder;  // ".../.uploads/ID/"
    std::string key;
    int parts = 0;
  };
  Result<Upload> find(std::string_view id);
  Result<std::map<int, Part>> parts_of(const Upload& upload);
  Result<void> check_size(const Upload& upload, int number, std::uint64_t size);
  Result<void> join_there(const Upload& upload, const std::map<int, Part>& parts);
  Result<Stored> join_here(const Upload& upload, const std::map<int, Part>& parts);

  Bucket& bucket_;
  const ObjectKeys& keys_;
  IdSource& ids_;
  std::mutex mutex_;
  std::map<std::string, Upload, std::less<>> known_;
  std::map<std::string, std::uint64_t> part_sizes_;  // by folder: of all parts but the last
};

}  // namespace millrace::blob
