#include "base/hash.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/files.h"

namespace millrace {

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::add(std::string_view bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
  return *this;
}

Hasher& Hasher::add_field(std::string_view bytes) {
  add(fmt::format("{}:", bytes.size()));
  return add(bytes);
}

std::string Hasher::finish() {
  std::array<unsigned char, 32> digest;
  EVP_DigestFinal_ex(state_->context, digest.data(), nullptr);
  return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), reinterpret_cast<unsigned char*>(digest.data()), &size);
  return digest;
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * bytes.size(), '\0');
  std::size_t at = 0;
  for (const char byte : bytes) {
    text[at++] = kDigits[static_cast<unsigned char>(byte) >> 4];
    text[at++] = kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) { return Hasher().add(bytes).finish(); }

Result<std::string> sha256_file(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error("read", path));
  Hasher hasher;
  std::vector<char> buffer(1 << 18);
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) hasher.add({buffer.data(), static_cast<std::size_t>(n)});
  auto failed = n < 0 ? std::optional(errno_error("read", path)) : std::nullopt;
  ::close(fd);
  if (failed) return std::unexpected(*failed);
  return hasher.finish();
}

Result<std::string> sha256_tree(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return sha256_file(path);
  std::vector<std::filesystem::path> files;
  for (auto it = std::filesystem::recursive_directory_iterator(path, error); !error && it != std::filesystem::end(it);
       it.increment(error))
    if (it->is_regular_file()) files.push_back(it->path());
  if (error) return internal_error("cannot read {}: {}", path.string(), error.message());
  std::ranges::sort(files);
  Hasher hasher;
  for (const auto& file : files)
    hasher.add_field(file.lexically_relative(path).string()).add_field(TRY(sha256_file(file)));
  return hasher.finish();
}

}  // namespace millrace
