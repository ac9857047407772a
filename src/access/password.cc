#include "access/password.h"

#include <argon2.h>

#include "access/secret.h"

namespace millrace::access {
namespace {

// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
constexpr std::uint32_t kMemoryKib = 19 << 10;
constexpr std::uint32_t kPasses = 2;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSalt = 16;
constexpr std::size_t kHash = 32;

constexpr std::size_t kShortest = 12;  // what MLflow asks for, too
constexpr std::size_t kLongest = 1024;

}  // namespace

Result<void> check_password(std::string_view password) {
  if (password.size() < kShortest) return invalid_argument("a password needs at least {} characters", kShortest);
  if (password.size() > kLongest) return invalid_argument("a password has at most {} bytes", kLongest);
  return {};
}

Result<std::string> hash_password(std::string_view password) {
  TRY(check_password(password));
  const auto salt = random_bytes(kSalt);
  std::string text(argon2_encodedlen(kPasses, kMemoryKib, kLanes, kSalt, kHash, Argon2_id), '\0');
  const int error = argon2id_hash_encoded(kPasses, kMemoryKib, kLanes, password.data(), password.size(), salt.data(),
                                          salt.size(), kHash, text.data(), text.size());
  if (error != ARGON2_OK) return internal_error("the password cannot be hashed: {}", argon2_error_message(error));
  text.resize(text.find('\0'));
  return text;
}

bool verify_password(std::string_view password, const std::string& hash) {
  if (password.size() > kLongest) return false;
  return argon2id_verify(hash.c_str(), password.data(), password.size()) == ARGON2_OK;
}

void waste_a_verification(std::string_view password) {
  static const std::string kOfNobody = MUST(hash_password(new_password()));
  verify_password(password, kOfNobody);
}

}  // namespace millrace::access
