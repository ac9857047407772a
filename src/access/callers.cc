#include <algorithm>
#include <set>

#include "access/access.h"
#include "access/decide.h"
#include "access/directory.h"
#include "db/db.h"

namespace millrace::access {
namespace {

constexpr std::string_view kNobody = "nobody";  // a user without a password, a token or a role

Result<void> add_user(db::Transaction& tx, std::string_view name, Timestamp now) {
  TRY(tx.execute("insert into users (name, is_admin, created) values (?, 0, ?)", name, now));
  return {};
}

// The owner may everything, the token what the caller may.
Result<void> add_caller(db::Transaction& tx, const Caller& caller, Timestamp now) {
  TRY(tx.execute(R"sql(
insert into tokens (id, name, owner, secret, role, created, expires)
values (?, ?, ?, ?, ?, ?, ?)
)sql",
                 caller.digest, fmt::format("{} {}", caller.token, caller.digest), caller.name, caller.digest,
                 to_text(caller.role), now, caller.expires));
  TRY(
      tx.execute("insert into roles (subject, project, role) values (?, ?, 'admin') on conflict (subject, project) do "
                 "nothing",
                 caller.name, kEveryProject));
  return {};
}

}  // namespace

Result<std::vector<Caller>> Store::list_callers() const {
  std::vector<Caller> callers;
  const auto tokens = TRY(list_tokens(""));
  const auto directory = directory_.read();
  directory->each_secret([&](const std::string& digest, const Directory::KnownToken& known) {
    const auto role = role_in(*known.principal, kDefaultProject);
    const auto token = std::ranges::find(tokens, known.id, &Token::id);
    if (role && token != tokens.end())
      callers.push_back({known.principal->name, token->name, digest, *role, known.expires});
  });
  std::ranges::sort(callers, {}, &Caller::digest);
  return callers;
}

Result<void> Store::set_callers(std::span<const Caller> callers, Door door) {
  return change([&](db::Transaction& tx) -> Result<void> {
    for (const auto* table : {"tokens", "roles", "user_groups", "users"})
      TRY(tx.execute(fmt::format("delete from {}", table)));
    if (door == Door::kOpen) return {};
    const Timestamp now = clock_.now();
    std::set<std::string_view> owners = {kNobody};
    for (const Caller& caller : callers) owners.insert(caller.name);
    for (const std::string_view owner : owners) TRY(add_user(tx, owner, now));
    for (const Caller& caller : callers) TRY(add_caller(tx, caller, now));
    return {};
  });
}

}  // namespace millrace::access
