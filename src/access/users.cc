#include <algorithm>

#include "access/access.h"
#include "access/directory.h"
#include "access/issuer.h"
#include "access/names.h"
#include "access/password.h"
#include "access/recent.h"
#include "db/db.h"

namespace millrace::access {
namespace {

constexpr std::string_view kSelect =
    "select id, name, is_admin, case when password is null then 0 else 1 end, created from users";

std::unexpected<Error> no_user(std::string_view name) { return not_found("there is no user {}", name); }

Result<std::int64_t> count_admins(db::Transaction& tx) {
  return TRY(tx.query<std::int64_t>("select count(*) from users where is_admin = 1")).front();
}

Result<void> keep_an_admin(db::Transaction& tx) {
  if (TRY(count_admins(tx)) > 0) return {};
  return fail(Code::kFailedPrecondition, "there must be an admin; make another user one first");
}

}  // namespace

Result<User> Store::create_user(const NewUser& user) {
  TRY(check_name("user", user.name));
  const auto hash = TRY(hash_password(user.password));
  TRY(change([&](db::Transaction& tx) -> Result<void> {
    const auto made = TRY(tx.execute(
        "insert into users (name, is_admin, password, created) values (?, ?, ?, ?) on conflict (name) do nothing",
        user.name, user.is_admin, hash, clock_.now()));
    if (made == 0) return already_exists("there is a user {} already", user.name);
    if (TRY(count_admins(tx)) > 0) return {};
    return fail(Code::kFailedPrecondition, "the first user must be an admin; add --admin");
  }));
  return find_user(user.name);
}

Result<User> Store::find_user(std::string_view name) const {
  auto users = TRY(database_.query<User>(fmt::format("{} where name = ?", kSelect), name));
  if (users.empty()) return no_user(name);
  return users.front();
}

Result<std::vector<User>> Store::list_users() const {
  return database_.query<User>(fmt::format("{} order by name", kSelect));
}

Result<void> Store::set_password(std::string_view name, std::string_view password) {
  const auto hash = TRY(hash_password(password));
  return change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.execute("update users set password = ? where name = ?", hash, name)) == 0) return no_user(name);
    return {};
  });
}

Result<void> Store::set_admin(std::string_view name, bool is_admin) {
  return change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.execute("update users set is_admin = ? where name = ?", is_admin, name)) == 0) return no_user(name);
    return keep_an_admin(tx);
  });
}

Result<void> Store::delete_user(std::string_view name) {
  return change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.execute("delete from users where name = ?", name)) == 0) return no_user(name);
    TRY(tx.execute("delete from tokens where owner = ?", name));
    TRY(tx.execute("delete from roles where subject = ?", name));
    TRY(tx.execute("delete from user_groups where member = ?", name));
    return keep_an_admin(tx);
  });
}

}  // namespace millrace::access
