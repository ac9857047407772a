#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/table_sum.h"

namespace millrace::app {

struct BackupFile {
  std::string path;  // in the backup's folder, "home/artifacts/..."
  std::int64_t bytes = 0;
  std::string sha256;
};

// What a backup holds; manifest.json in its folder, written when all else is there.
struct Manifest {
  std::string version;  // of the millrace that made it
  Timestamp made;
  std::vector<db::TableSum> tables;
  std::vector<BackupFile> files;  // by path
};

Result<void> write_manifest(const std::filesystem::path& backup, const Manifest& manifest);
// kNotFound for a folder without a manifest, kDataLoss for one that cannot be read.
Result<Manifest> read_manifest(const std::filesystem::path& backup);

}  // namespace millrace::app
