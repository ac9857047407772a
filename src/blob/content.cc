#include "blob/content.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "blob/durable.h"

namespace millrace::blob {

namespace fs = std::filesystem;

namespace {

constexpr const char* kAttribute = "user.sha256";
constexpr std::uint64_t kLeastShared = 4096;  // a smaller file costs as much as its name

}  // namespace

fs::path ContentNames::name_of(std::string_view sha256) const { return folder_ / sha256.substr(0, 2) / sha256; }

bool ContentNames::reuse(std::string_view sha256, std::uint64_t size, const fs::path& to) const {
  const fs::path name = name_of(sha256);
  struct stat known{};
  if (size < kLeastShared || ::stat(name.c_str(), &known) != 0) return false;
  return static_cast<std::uint64_t>(known.st_size) == size && ::link(name.c_str(), to.c_str()) == 0;
}

void ContentNames::set_checksum(int fd, std::string_view sha256) {
  ::fsetxattr(fd, kAttribute, sha256.data(), sha256.size(), 0);
}

std::string ContentNames::checksum(const fs::path& file) {
  std::array<char, 64> digits;
  const auto size = ::getxattr(file.c_str(), kAttribute, digits.data(), digits.size());
  return size == digits.size() ? std::string(digits.data(), digits.size()) : std::string();
}

void ContentNames::remember(const fs::path& file, std::string_view sha256) const {
  std::error_code ignored;
  if (fs::file_size(file, ignored) < kLeastShared) return;
  const fs::path name = name_of(sha256);
  fs::create_directories(name.parent_path(), ignored);
  fs::create_hard_link(file, name, ignored);
}

void ContentNames::forget(const fs::path& path) const {
  const auto files = files_below(path);
  if (!files) return;
  for (const fs::path& file : *files) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0 || status.st_nlink != 2) continue;
    const std::string sha256 = checksum(file);
    std::error_code ignored;
    if (!sha256.empty() && fs::equivalent(name_of(sha256), file, ignored)) fs::remove(name_of(sha256), ignored);
  }
}

}  // namespace millrace::blob
