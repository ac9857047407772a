#include "access/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/result.h"

namespace millrace::access {
ProcessKey::ProcessKey() : key_(random_bytes(32)) {}

std::string ProcessKey::mac(std::initializer_list<std::string_view> parts) const {
  std::string message;
  for (const auto part : parts) {
    const auto size = static_cast<std::uint64_t>(part.size());
    message.append(reinterpret_cast<const char*>(&size), sizeof size);
    message += part;
  }
  auto mac = hmac_sha256(key_, message);
  OPENSSL_cleanse(message.data(), message.size());
  return mac;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    MUST(Result<void>(internal_error("the system has no randomness")));
  }
  return bytes;
}

std::string new_token_secret() { return "mrt_" + base64url_encode(random_bytes(32)); }

// 32 letters and digits, so five bits each.
std::string new_password() {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(kLetters.size() == 32);
  std::string password;
  for (const char byte : random_bytes(20)) password += kLetters[static_cast<std::uint8_t>(byte) % kLetters.size()];
  return password;
}

}  // namespace millrace::access
