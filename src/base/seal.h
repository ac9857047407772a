#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

// Keeps texts so that only who has a key reads them: AES-256-GCM (NIST SP 800-38D) with a nonce drawn for each. What is
// sealed is "v1.KEY.BYTES": the first eight digits of the key's SHA-256, and base64url of nonce, ciphertext and tag.
// Thread-safe.
class Sealer {
 public:
  static constexpr std::size_t kKeySize = 32;

  // The first key seals, all of them open. kInvalidArgument without one, or where one has another size.
  static Result<Sealer> make(std::vector<std::string> keys);

  // `context` says whose text it is; it opens in no other.
  std::string seal(std::string_view text, std::string_view context) const;
  // kFailedPrecondition where the key is not there, kDataLoss for what this key did not seal in this context.
  Result<std::string> open(std::string_view sealed, std::string_view context) const;
  // Whether the key that seals now did it.
  bool is_current(std::string_view sealed) const;

 private:
  struct Key {
    std::string name;
    std::string bytes;
  };
  explicit Sealer(std::vector<Key> keys) : keys_(std::move(keys)) {}

  std::vector<Key> keys_;
};

// From OpenSSL's randomness.
std::string new_seal_key();

}  // namespace millrace
