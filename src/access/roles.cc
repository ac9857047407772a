#include "access/access.h"
#include "access/directory.h"
#include "access/issuer.h"
#include "access/names.h"
#include "access/recent.h"
#include "db/db.h"

namespace millrace::access {
namespace {

constexpr std::string_view kGroupPrefix = "group:";

// A group need not have members here: an issuer may name them.
Result<void> check_subject(std::string_view subject) {
  if (subject.starts_with(kGroupPrefix)) return check_name("group", subject.substr(kGroupPrefix.size()));
  return check_name("user", subject);
}

}  // namespace

Result<void> Store::grant(const Binding& binding) {
  if (!role_from(binding.role)) {
    return invalid_argument("role \"{}\" is none of viewer, editor, deployer, admin", binding.role);
  }
  if (binding.project != kEveryProject) TRY(check_name("project", binding.project));
  TRY(check_subject(binding.subject));
  return change([&](db::Transaction& tx) -> Result<void> {
    TRY(
        tx.execute("insert into roles (subject, project, role) values (?, ?, ?)"
                   " on conflict (subject, project) do update set role = excluded.role",
                   binding.subject, binding.project, binding.role));
    return {};
  });
}

Result<void> Store::revoke(std::string_view subject, std::string_view project) {
  return change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.execute("delete from roles where subject = ? and project = ?", subject, project)) == 0) {
      return not_found("{} has no role in project {}", subject, project);
    }
    return {};
  });
}

Result<std::vector<Binding>> Store::list_roles() const {
  return database_.query<Binding>("select subject, role, project from roles order by subject, project");
}

Result<void> Store::add_member(const Member& member) {
  TRY(check_name("group", member.group));
  return change([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.query<std::int64_t>("select count(*) from users where name = ?", member.user)).front() == 0) {
      return not_found("there is no user {}", member.user);
    }
    TRY(tx.execute("insert into user_groups (name, member) values (?, ?) on conflict do nothing", member.group,
                   member.user));
    return {};
  });
}

Result<void> Store::remove_member(const Member& member) {
  return change([&](db::Transaction& tx) -> Result<void> {
    const auto gone =
        TRY(tx.execute("delete from user_groups where name = ? and member = ?", member.group, member.user));
    if (gone == 0) return not_found("{} is not in group {}", member.user, member.group);
    return {};
  });
}

Result<std::vector<Member>> Store::list_members() const {
  return database_.query<Member>("select name, member from user_groups order by name, member");
}

}  // namespace millrace::access
