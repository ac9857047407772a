#include "base/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "base/base64.h"
#include "base/hash.h"

namespace millrace {

namespace {

constexpr std::string_view kVersion = "v1.";
constexpr std::size_t kNameSize = 8;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// OpenSSL's calls fail for lack of memory or of randomness, which no caller can do anything about.
void check(int status) {
  if (status != 1) throw std::runtime_error("OpenSSL cannot encrypt");
}

std::string random(std::size_t count) {
  std::string bytes(count, '\0');
  check(RAND_bytes(bytes_of(bytes), static_cast<int>(count)));
  return bytes;
}

struct Sealed {
  std::string key;
  std::string nonce;
  std::string cipher;
  std::string tag;
};

Result<Sealed> parse(std::string_view text) {
  const auto malformed = [] { return data_loss("what is sealed was damaged: it is not v1.KEY.BYTES"); };
  if (!text.starts_with(kVersion)) return malformed();
  text.remove_prefix(kVersion.size());
  if (text.size() <= kNameSize || text[kNameSize] != '.') return malformed();
  const auto bytes = base64url_decode(text.substr(kNameSize + 1));
  if (!bytes || bytes->size() < kNonceSize + kTagSize) return malformed();
  return Sealed{.key = std::string(text.substr(0, kNameSize)),
                .nonce = bytes->substr(0, kNonceSize),
                .cipher = bytes->substr(kNonceSize, bytes->size() - kNonceSize - kTagSize),
                .tag = bytes->substr(bytes->size() - kTagSize)};
}

}  // namespace

std::string new_seal_key() { return random(Sealer::kKeySize); }

Result<Sealer> Sealer::make(std::vector<std::string> keys) {
  if (keys.empty()) return invalid_argument("there is no key to seal with");
  std::vector<Key> named;
  for (std::string& key : keys) {
    if (key.size() != kKeySize)
      return invalid_argument("a key to seal with has {} bytes, not {}", kKeySize, key.size());
    named.push_back({sha256(key).substr(0, kNameSize), std::move(key)});
  }
  return Sealer(std::move(named));
}

std::string Sealer::seal(std::string_view text, std::string_view context) const {
  const Key& key = keys_.front();
  const std::string nonce = random(kNonceSize);
  std::string cipher(text.size(), '\0'), tag(kTagSize, '\0');
  const Context state(EVP_CIPHER_CTX_new());
  int size = 0;
  check(EVP_EncryptInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, bytes_of(std::string_view(key.bytes)),
                           bytes_of(std::string_view(nonce))));
  check(EVP_EncryptUpdate(state.get(), nullptr, &size, bytes_of(context), static_cast<int>(context.size())));
  check(EVP_EncryptUpdate(state.get(), bytes_of(cipher), &size, bytes_of(text), static_cast<int>(text.size())));
  check(EVP_EncryptFinal_ex(state.get(), bytes_of(tag), &size));  // GCM adds nothing
  check(EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, tag.data()));
  return fmt::format("{}{}.{}", kVersion, key.name, base64url_encode(nonce + cipher + tag));
}

Result<std::string> Sealer::open(std::string_view sealed, std::string_view context) const {
  Sealed parts = TRY(parse(sealed));
  const auto key = std::ranges::find(keys_, parts.key, &Key::name);
  if (key == keys_.end()) return failed_precondition("it was sealed with the key {}, which is not here", parts.key);
  std::string text(parts.cipher.size(), '\0'), rest(kTagSize, '\0');
  const Context state(EVP_CIPHER_CTX_new());
  int size = 0;
  check(EVP_DecryptInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, bytes_of(std::string_view(key->bytes)),
                           bytes_of(std::string_view(parts.nonce))));
  check(EVP_DecryptUpdate(state.get(), nullptr, &size, bytes_of(context), static_cast<int>(context.size())));
  check(EVP_DecryptUpdate(state.get(), bytes_of(text), &size, bytes_of(std::string_view(parts.cipher)),
                          static_cast<int>(parts.cipher.size())));
  check(EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, parts.tag.data()));
  if (EVP_DecryptFinal_ex(state.get(), bytes_of(rest), &size) != 1) {
    return data_loss("what is sealed was damaged, or is not {}'s", context);
  }
  return text;
}

bool Sealer::is_current(std::string_view sealed) const {
  const auto parts = parse(sealed);
  return parts && parts->key == keys_.front().name;
}

}  // namespace millrace
