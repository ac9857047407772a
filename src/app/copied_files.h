#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/manifest.h"
#include "base/result.h"

namespace millrace::app {

// Copies the files of a folder that others write to meanwhile into another one, again and again, each time only what is
// new or has changed; hashes them on the way. Files with several names keep them, files that go while they are looked
// at are left out, and so are links and whatever `skips` says of a path relative to the folder.
class CopiedFiles {
 public:
  using Skips = std::function<bool(std::string_view path)>;

  CopiedFiles(std::filesystem::path from, std::filesystem::path to, Skips skips);

  Result<void> copy_new();
  // With paths relative to the folder, in their order.
  std::vector<BackupFile> files() const;

 private:
  using Inode = std::pair<std::uint64_t, std::uint64_t>;
  // What tells whether a file is the one that was copied.
  struct Seen {
    Inode inode;
    std::int64_t bytes = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Seen&) const = default;
  };
  struct Copied {
    Seen seen;
    std::int64_t bytes = 0;
    std::string sha256;
  };

  Result<void> copy_one(const std::string& path);
  Result<void> copy_bytes(const std::string& path, int fd, Copied& copied);

  const std::filesystem::path from_;
  const std::filesystem::path to_;
  const Skips skips_;
  std::map<std::string, Copied> copied_;
  std::map<Inode, std::string> first_names_;
};

}  // namespace millrace::app
