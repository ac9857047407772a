#include "access/access.h"
#include "access/directory.h"
#include "access/issuer.h"
#include "access/names.h"
#include "access/recent.h"
#include "base/hash.h"
#include "db/db.h"

namespace millrace::access {
namespace {

constexpr std::string_view kSelect = "select id, name, owner, role, created, expires, last_used from tokens";

}  // namespace

Result<Store::Issued> Store::create_token(const NewToken& wanted) {
  TRY(check_name("token", wanted.name));
  if (wanted.lifetime && *wanted.lifetime <= Duration{0}) return invalid_argument("a token's life must be positive");
  auto secret = new_token_secret();
  const auto digest = sha256(secret);
  const auto now = clock_.now();
  Token token{.id = digest.substr(0, 12), .name = wanted.name, .owner = wanted.owner, .created = now};
  if (wanted.most) token.role = to_text(*wanted.most);
  if (wanted.lifetime) token.expires = now + *wanted.lifetime;
  TRY(change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.query<std::int64_t>("select count(*) from users where name = ?", wanted.owner)).front() == 0) {
      return not_found("there is no user {}", wanted.owner);
    }
    const auto made = TRY(
        tx.execute("insert into tokens (id, name, owner, secret, role, created, expires) values (?, ?, ?, ?, ?, ?, ?)"
                   " on conflict do nothing",
                   token.id, token.name, token.owner, digest, token.role, token.created, token.expires));
    if (made == 0) return already_exists("{} has a token {} already", wanted.owner, wanted.name);
    return {};
  }));
  return Issued{std::move(token), std::move(secret)};
}

Result<std::vector<Token>> Store::list_tokens(std::string_view owner) const {
  auto tokens = TRY(
      database_.query<Token>(fmt::format("{} where ? = '' or owner = ? order by owner, name", kSelect), owner, owner));
  const auto directory = directory_.read();
  directory->each_token([&](const Directory::KnownToken& known) {
    const auto used = known.last_used.load(std::memory_order_relaxed);
    for (auto& token : tokens) {
      if (used != 0 && token.id == known.id) token.last_used = Timestamp{used};
    }
  });
  return tokens;
}

Result<Token> Store::find_token(std::string_view id) const {
  auto tokens = TRY(database_.query<Token>(fmt::format("{} where id = ?", kSelect), id));
  if (tokens.empty()) return not_found("there is no token {}", id);
  return tokens.front();
}

Result<void> Store::delete_token(std::string_view id) {
  return change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.execute("delete from tokens where id = ?", id)) == 0) return not_found("there is no token {}", id);
    return {};
  });
}

Result<void> Store::keep_uses() {
  std::vector<std::pair<std::string, Timestamp>> uses;
  directory_.read()->each_token([&](const Directory::KnownToken& known) {
    const auto used = known.last_used.exchange(0, std::memory_order_relaxed);
    if (used != 0) uses.emplace_back(known.id, Timestamp{used});
  });
  if (uses.empty()) return {};
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    for (const auto& [id, used] : uses) TRY(tx.execute("update tokens set last_used = ? where id = ?", used, id));
    return {};
  });
}

}  // namespace millrace::access
