#include "app/seal_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"

namespace millrace::app {

namespace {

namespace fs = std::filesystem;

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

Result<std::string> parse_key(std::string_view text, std::string_view place) {
  std::string key;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) break;
    key += static_cast<char>(high * 16 + low);
  }
  if (key.size() == Sealer::kKeySize && text.size() == 2 * Sealer::kKeySize) return key;
  return invalid_argument("a key in {} is not 64 hexadecimal digits; make one with: openssl rand -hex 32", place);
}

Result<Sealer> parse_keys(std::string_view text, char between, std::string_view place) {
  std::vector<std::string> keys;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(between, begin), text.size());
    const std::string_view key = text.substr(begin, end - begin);
    if (!key.empty()) keys.push_back(TRY(parse_key(key, place)));
    begin = end + 1;
  }
  if (keys.empty()) return invalid_argument("{} holds no key; make one with: openssl rand -hex 32", place);
  return Sealer::make(std::move(keys));
}

// Readable by its owner from the first moment on, and whole or not there.
Result<void> make_file(const fs::path& path) {
  const fs::path draft = path.string() + ".new";
  std::error_code ignored;
  fs::remove(draft, ignored);
  const std::string text = to_hex(new_seal_key()) + "\n";
  const Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.get()) != 0 || ::rename(draft.c_str(), path.c_str()) != 0) {
    return std::unexpected(errno_error("make", path));
  }
  return sync_path(path.parent_path());
}

void warn_of_readers(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & 077) == 0) return;
  log::warn("the key that secrets are sealed with can be read by others; chmod 600 it", {{"file", path.string()}});
}

}  // namespace

Result<Sealer> open_sealer(const fs::path& home) {
  if (const char* given = std::getenv(kSealKeyVariable); given != nullptr && *given != '\0') {
    const std::string text = given;
    ::unsetenv(kSealKeyVariable);
    return parse_keys(text, ',', kSealKeyVariable);
  }
  const fs::path path = home / kSealKeyFile;
  std::error_code error;
  if (!fs::exists(path, error)) TRY(make_file(path));
  warn_of_readers(path);
  return parse_keys(TRY(read_file(path)), '\n', path.string());
}

}  // namespace millrace::app
