#include "access/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace millrace::access {
namespace {

template <auto kFree>
struct Releaser {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BigNumber = std::unique_ptr<BIGNUM, Releaser<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Releaser<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Releaser<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Releaser<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Releaser<EVP_MD_CTX_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Releaser<EVP_PKEY_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Releaser<ECDSA_SIG_free>>;

constexpr int kLeastRsaBits = 2048;
constexpr std::size_t kCoordinate = 32;  // bytes, on P-256

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

BigNumber number_of(std::string_view bytes) {
  return BigNumber(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

Result<std::string> member(const Json& json, const char* name) {
  const auto found = json.find(name);
  const auto bytes =
      found != json.end() && found->is_string() ? base64url_decode(found->get<std::string>()) : std::nullopt;
  if (!bytes || bytes->empty()) return invalid_argument("a key has no proper \"{}\"", name);
  return *bytes;
}

PublicKey key_from(const char* algorithm, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PublicKey(key);
}

Result<PublicKey> read_rsa(const Json& json) {
  const auto modulus = number_of(TRY(member(json, "n")));
  const auto exponent = number_of(TRY(member(json, "e")));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  auto key = key_from("RSA", builder.get());
  if (!key || EVP_PKEY_get_bits(key.get()) < kLeastRsaBits) {
    return invalid_argument("an RSA key is not proper, or has fewer than {} bits", kLeastRsaBits);
  }
  return key;
}

Result<PublicKey> read_ec(const Json& json) {
  if (json.value("crv", "") != "P-256") return invalid_argument("only EC keys on P-256 are known");
  const auto x = TRY(member(json, "x"));
  const auto y = TRY(member(json, "y"));
  if (x.size() != kCoordinate || y.size() != kCoordinate) return invalid_argument("an EC key's point is not proper");
  const std::string point = "\x04" + x + y;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  auto key = key_from("EC", builder.get());
  if (!key) return invalid_argument("an EC key's point is not on its curve");
  return key;
}

// OpenSSL wants r and s in DER.
std::string der_of(std::string_view signature) {
  const EcdsaSignature parts(ECDSA_SIG_new());
  ECDSA_SIG_set0(parts.get(), number_of(signature.substr(0, kCoordinate)).release(),
                 number_of(signature.substr(kCoordinate)).release());
  unsigned char* bytes = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

struct Jwk::Key {
  PublicKey key;
};

Jwk::Jwk(SignatureKind kind, std::string id, std::unique_ptr<Key> key)
    : kind_(kind), id_(std::move(id)), key_(std::move(key)) {}
Jwk::Jwk(Jwk&&) noexcept = default;
Jwk& Jwk::operator=(Jwk&&) noexcept = default;
Jwk::~Jwk() = default;

Result<Jwk> Jwk::read(const Json& json) {
  if (!json.is_object()) return invalid_argument("a key is no object");
  const auto type = json.value("kty", "");
  if (type != "RSA" && type != "EC") return invalid_argument("a key of type \"{}\" is not known", type);
  auto key = type == "RSA" ? TRY(read_rsa(json)) : TRY(read_ec(json));
  return Jwk(type == "RSA" ? SignatureKind::kRs256 : SignatureKind::kEs256, json.value("kid", ""),
             std::make_unique<Key>(std::move(key)));
}

bool Jwk::verifies(std::string_view message, std::string_view signature) const {
  if (kind_ == SignatureKind::kEs256 && signature.size() != 2 * kCoordinate) return false;
  const auto checked = kind_ == SignatureKind::kEs256 ? der_of(signature) : std::string(signature);
  const DigestContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_->key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(checked), checked.size(), bytes_of(message), message.size()) == 1;
}

}  // namespace millrace::access
