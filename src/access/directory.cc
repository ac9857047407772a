#include "access/directory.h"

#include <fmt/format.h>

namespace millrace::access {

Directory::Directory(const Tables& tables, std::uint64_t generation) : generation_(generation) {
  for (const auto& binding : tables.bindings) {
    if (const auto role = role_from(binding.role)) grants_[binding.subject].push_back({*role, binding.project});
  }
  for (const auto& member : tables.members) groups_[member.user].push_back(member.group);
  for (const auto& account : tables.accounts) {
    auto principal = std::make_shared<Principal>(Principal{.name = account.name,
                                                           .server_admin = account.is_admin,
                                                           .grants = grants_of(account.name, {}),
                                                           .most = std::nullopt,
                                                           .by = "password"});
    users_.emplace(account.name, Known{std::move(principal), account.password.value_or("")});
  }
  for (const auto& [token, digest] : tables.secrets) {
    const auto* owner = find_user(token.owner);
    if (owner == nullptr) continue;
    auto principal = std::make_shared<Principal>(*owner->principal);
    principal->by = fmt::format("token {}", token.name);
    if (token.role) principal->most = role_from(*token.role).value_or(Role::kViewer);
    auto known = std::make_unique<KnownToken>();
    known->principal = std::move(principal);
    known->id = token.id;
    known->expires = token.expires;
    tokens_.emplace(digest, std::move(known));
  }
}

const Directory::Known* Directory::find_user(std::string_view name) const {
  const auto found = users_.find(std::string(name));
  return found == users_.end() ? nullptr : &found->second;
}

const Directory::KnownToken* Directory::find_token(const std::string& digest) const {
  const auto found = tokens_.find(digest);
  return found == tokens_.end() ? nullptr : found->second.get();
}

std::vector<Grant> Directory::grants_of(std::string_view name, std::span<const std::string> groups) const {
  std::vector<Grant> grants;
  const auto add = [&](const std::string& subject) {
    const auto found = grants_.find(subject);
    if (found != grants_.end()) grants.insert(grants.end(), found->second.begin(), found->second.end());
  };
  add(std::string(name));
  for (const auto& group : groups) add("group:" + group);
  const auto own = groups_.find(std::string(name));
  if (own == groups_.end()) return grants;
  for (const auto& group : own->second) add("group:" + group);
  return grants;
}

}  // namespace millrace::access
