#include "access/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/result.h"

namespace millrace::access {
namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Base64 for URLs, without padding.
std::string encode(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<std::uint8_t>(byte);
    for (have += 8; have >= 6; have -= 6) out += kDigits[(bits >> (have - 6)) & 63];
  }
  if (have > 0) out += kDigits[(bits << (6 - have)) & 63];
  return out;
}

}  // namespace

Digest digest_of(std::string_view bytes) {
  Digest digest;
  SHA256(bytes_of(bytes), bytes.size(), digest.data());
  return digest;
}

std::string to_hex(const Digest& digest) {
  std::string out;
  for (const auto byte : digest) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

ProcessKey::ProcessKey() : key_(random_bytes(32)) {}

Digest ProcessKey::mac(std::initializer_list<std::string_view> parts) const {
  std::string message;
  for (const auto part : parts) {
    const auto size = static_cast<std::uint64_t>(part.size());
    message.append(reinterpret_cast<const char*>(&size), sizeof size);
    message += part;
  }
  Digest digest;
  unsigned int size = digest.size();
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), bytes_of(message), message.size(), digest.data(),
       &size);
  OPENSSL_cleanse(message.data(), message.size());
  return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    MUST(Result<void>(internal_error("the system has no randomness")));
  }
  return bytes;
}

std::string new_token_secret() { return "mrt_" + encode(random_bytes(32)); }

// 32 letters and digits, so five bits each.
std::string new_password() {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(kLetters.size() == 32);
  std::string password;
  for (const char byte : random_bytes(20)) password += kLetters[static_cast<std::uint8_t>(byte) % kLetters.size()];
  return password;
}

}  // namespace millrace::access
