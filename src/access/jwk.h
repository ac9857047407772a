#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace millrace::access {

enum class SignatureKind { kRs256, kEs256 };

// A public key of an issuer, RSA of at least 2048 bits or EC on P-256, which fits one kind of signature only.
class Jwk {
 public:
  // RFC 7517. kInvalidArgument for what is neither.
  static Result<Jwk> read(const Json& json);
  Jwk(Jwk&&) noexcept;
  Jwk& operator=(Jwk&&) noexcept;
  ~Jwk();

  SignatureKind kind() const { return kind_; }
  // "" where the set has no name for it.
  const std::string& id() const { return id_; }
  // `signature` as in a token: of ES256 it is r and s, 32 bytes each.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  struct Key;
  Jwk(SignatureKind kind, std::string id, std::unique_ptr<Key> key);

  SignatureKind kind_;
  std::string id_;
  std::unique_ptr<Key> key_;
};

}  // namespace millrace::access
