#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::access {

// An OpenID Connect issuer whose tokens are taken as bearers.
struct Issuer {
  std::string url;                      // `iss`, to the letter
  std::string audience;                 // must be in `aud`
  std::string jwks;                     // its keys, or its description: a file, or a URL that is fetched
  std::string name_claim = "sub";       // who it is
  std::string groups_claim = "groups";  // a list of text, or one text; may be missing
};

// Who a token says it is, once it was found good.
struct Identity {
  std::string name;
  std::vector<std::string> groups;
  std::string issuer;
  Timestamp expires;
};

// Reads JSON Web Tokens (RFC 7519) of known issuers: RS256 and ES256 and nothing else, whatever a token says of
// itself. `iss`, `aud` and `exp` must be there and right, `nbf` and `iat` are looked at, with a minute's grace for
// clocks. Keys (RFC 7517) are read when they are first needed, and again at most once a minute for a key that is not
// known, so that an issuer may change them; fetched ones are kept for an hour. Thread-safe.
class Issuers {
 public:
  // Reads a file or fetches a URL; in app, the client of net.
  using Fetch = std::function<Result<std::string>(const std::string& from)>;

  Issuers(std::vector<Issuer> issuers, Fetch fetch);
  ~Issuers();

  // kUnauthenticated says why in words that help an operator and tell nobody a secret; kUnavailable where keys cannot
  // be had.
  Result<Identity> verify(std::string_view token, Timestamp now);

 private:
  struct Keys;
  Result<Json> read_set(const std::string& from) const;
  Result<std::shared_ptr<const Keys>> keys_of(const Issuer& issuer, std::string_view key_id, Timestamp now);

  const std::vector<Issuer> issuers_;
  const Fetch fetch_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Keys>> keys_;  // by issuer
};

}  // namespace millrace::access
