#include "access/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::access {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 4> kRoles = {
    {{Role::kViewer, "viewer"}, {Role::kEditor, "editor"}, {Role::kDeployer, "deployer"}, {Role::kAdmin, "admin"}}};

// The least role for an action within a project.
Role needed(Action action) {
  switch (action) {
    case Action::kBeKnown:
    case Action::kPredict:
    case Action::kRead:
      return Role::kViewer;
    case Action::kRecord:
    case Action::kWrite:
      return Role::kEditor;
    case Action::kDeploy:
      return Role::kDeployer;
    case Action::kAdminister:
    case Action::kOperate:
      return Role::kAdmin;
  }
  return Role::kAdmin;
}

}  // namespace

std::optional<Role> role_in(const Principal& who, std::string_view project) {
  std::optional<Role> best;
  if (who.server_admin) best = Role::kAdmin;
  for (const auto& grant : who.grants) {
    if (grant.project != project && grant.project != kEveryProject) continue;
    best = best ? std::max(*best, grant.role) : grant.role;
  }
  return best && who.most ? std::min(*best, *who.most) : best;
}

std::string_view to_text(Role role) {
  for (const auto& [known, name] : kRoles) {
    if (known == role) return name;
  }
  return "viewer";
}

std::optional<Role> role_from(std::string_view text) {
  for (const auto& [role, name] : kRoles) {
    if (name == text) return role;
  }
  return std::nullopt;
}

Decision decide(const Principal* who, Action action, const Resource& resource) {
  if (who == nullptr) return {.reason = "this needs a user; none was named"};
  if (action == Action::kBeKnown) return {.allowed = true};
  if (action == Action::kOperate && (!who->server_admin || who->most)) {
    return {.reason = fmt::format("this needs an admin of the server, which {} is not", who->name)};
  }
  const auto role = role_in(*who, resource.project);
  if (role && *role >= needed(action)) return {.allowed = true};
  return {.reason = fmt::format("this needs the role {} in project {}; {} has {}", to_text(needed(action)),
                                resource.project, who->name, role ? to_text(*role) : "none")};
}

}  // namespace millrace::access
