#include "access/issuer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "access/jwk.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"

namespace millrace::access {
namespace {

constexpr Duration kGrace = std::chrono::minutes(1);
constexpr Duration kKeysKept = std::chrono::hours(1);
constexpr Duration kKeysAtMostEvery = std::chrono::minutes(1);
constexpr std::size_t kLongestToken = 16 << 10;

template <typename... Args>
std::unexpected<Error> refused(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kUnauthenticated, format, std::forward<Args>(args)...);
}

// A token taken apart: nothing of it is believed yet.
struct Token {
  std::string_view signed_part;
  Json header;
  Json claims;
  std::string signature;
};

Result<Json> read_part(std::string_view text) {
  const auto bytes = base64url_decode(text);
  if (!bytes) return refused("the token is no JSON Web Token");
  auto json = parse_json(*bytes);
  if (!json || !json->is_object()) return refused("the token is no JSON Web Token");
  return json;
}

Result<Token> take_apart(std::string_view text) {
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (text.size() > kLongestToken || second == std::string_view::npos) return refused("the token is no JSON Web Token");
  auto header = TRY(read_part(text.substr(0, first)));
  auto claims = TRY(read_part(text.substr(first + 1, second - first - 1)));
  auto signature = base64url_decode(text.substr(second + 1));
  if (!signature) return refused("the token is no JSON Web Token");
  return Token{text.substr(0, second), std::move(header), std::move(claims), std::move(*signature)};
}

std::string text_of(const Json& json, std::string_view name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::string> texts_of(const Json& json, std::string_view name) {
  const auto found = json.find(name);
  if (found == json.end()) return {};
  if (found->is_string()) return {found->get<std::string>()};
  std::vector<std::string> texts;
  if (!found->is_array()) return texts;
  for (const auto& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

// Seconds since 1970, perhaps with a fraction.
std::optional<Timestamp> time_of(const Json& json, std::string_view name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  const auto seconds = found->get<double>();
  if (!(std::abs(seconds) < 1e11)) return std::nullopt;
  return Timestamp{static_cast<std::int64_t>(seconds * 1e6)};
}

Result<SignatureKind> kind_of(const Json& header) {
  const auto name = text_of(header, "alg");
  if (name == "RS256") return SignatureKind::kRs256;
  if (name == "ES256") return SignatureKind::kEs256;
  return refused("the token is not signed with RS256 or ES256");
}

Result<Timestamp> check_claims(const Json& claims, const Issuer& issuer, Timestamp now) {
  const auto audiences = texts_of(claims, "aud");
  if (std::ranges::find(audiences, issuer.audience) == audiences.end()) {
    return refused("the token is for another audience than {}", issuer.audience);
  }
  const auto expires = time_of(claims, "exp");
  if (!expires) return refused("the token does not say when it expires");
  if (now >= *expires + kGrace) return refused("the token expired at {}", format_time(*expires));
  for (const auto* name : {"nbf", "iat"}) {
    const auto from = time_of(claims, name);
    if (claims.contains(name) && (!from || now + kGrace < *from)) return refused("the token is not good yet");
  }
  return *expires;
}

}  // namespace

struct Issuers::Keys {
  std::vector<Jwk> keys;
  Timestamp read;

  const Jwk* find(SignatureKind kind, std::string_view id) const {
    for (const auto& key : keys) {
      if (key.kind() == kind && (id.empty() || key.id() == id)) return &key;
    }
    return nullptr;
  }
  bool knows(std::string_view id) const {
    return id.empty() || std::ranges::any_of(keys, [&](const Jwk& key) { return key.id() == id; });
  }
};

Issuers::Issuers(std::vector<Issuer> issuers, Fetch fetch) : issuers_(std::move(issuers)), fetch_(std::move(fetch)) {}
Issuers::~Issuers() = default;

// The keys themselves, or the issuer's description, which says where they are.
Result<Json> Issuers::read_set(const std::string& from) const {
  auto json = TRY(parse_json(TRY(fetch_(from))));
  if (json.is_object() && json.contains("jwks_uri")) json = TRY(parse_json(TRY(fetch_(text_of(json, "jwks_uri")))));
  if (!json.is_object() || !json.contains("keys") || !json["keys"].is_array()) {
    return unavailable("there are no keys at {}", from);
  }
  return json["keys"];
}

// Keys that are not of a kind known here are passed over.
Result<std::shared_ptr<const Issuers::Keys>> Issuers::keys_of(const Issuer& issuer, std::string_view key_id,
                                                              Timestamp now) {
  const std::lock_guard lock(mutex_);
  auto& kept = keys_[issuer.url];
  if (kept) {
    const auto age = now - kept->read;
    if (age < kKeysKept && (kept->knows(key_id) || age < kKeysAtMostEvery)) return kept;
  }
  auto fresh = std::make_shared<Keys>();
  fresh->read = now;
  const auto set = read_set(issuer.jwks);
  if (!set && kept) {
    log::warn("an issuer's keys cannot be read again", {{"issuer", issuer.url}, {"error", set.error().message}});
    return kept;
  }
  if (!set) return std::unexpected(set.error());
  for (const auto& item : *set) {
    if (auto key = Jwk::read(item)) fresh->keys.push_back(std::move(*key));
  }
  kept = std::move(fresh);
  return kept;
}

Result<Identity> Issuers::verify(std::string_view text, Timestamp now) {
  const auto token = TRY(take_apart(text));
  const auto kind = TRY(kind_of(token.header));
  const auto issuer = std::ranges::find(issuers_, text_of(token.claims, "iss"), &Issuer::url);
  if (issuer == issuers_.end()) return refused("the token is of an issuer that is not known here");
  const auto key_id = text_of(token.header, "kid");
  const auto keys = TRY(keys_of(*issuer, key_id, now));
  const auto* key = keys->find(kind, key_id);
  if (key == nullptr) return refused("the token is signed with a key that {} does not have", issuer->url);
  if (!key->verifies(token.signed_part, token.signature)) return refused("the token's signature is wrong");
  const auto expires = TRY(check_claims(token.claims, *issuer, now));
  auto name = text_of(token.claims, issuer->name_claim);
  if (name.empty()) return refused("the token does not say who it is for: it has no \"{}\"", issuer->name_claim);
  return Identity{std::move(name), texts_of(token.claims, issuer->groups_claim), issuer->url, expires};
}

}  // namespace millrace::access
