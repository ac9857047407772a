#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// SHA-256, fed piece by piece.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  Hasher& add(std::string_view bytes);
  // Adds the length first, so that ("ab","c") and ("a","bc") differ.
  Hasher& add_field(std::string_view bytes);
  // 64 lower-case hexadecimal digits. The hasher is used up.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);
// The 32 bytes of HMAC-SHA256.
std::string hmac_sha256(std::string_view key, std::string_view message);
// Equal; takes the same time wherever they differ.
bool same_secret(std::string_view a, std::string_view b);
// Lower-case hexadecimal digits.
std::string to_hex(std::string_view bytes);
Result<std::string> sha256_file(const std::filesystem::path& path);
// Over the relative paths and contents of all files below `path`, in path order; of the file itself if it is one.
Result<std::string> sha256_tree(const std::filesystem::path& path);

}  // namespace millrace
