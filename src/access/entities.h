#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace millrace::access {

// What somebody may do; each may all that the one before may.
//   viewer: look, and ask endpoints for predictions;  editor: log, make, change and delete;
//   deployer: also change what is served and what runs by itself;  admin: all of a project.
enum class Role { kViewer, kEditor, kDeployer, kAdmin };

std::string_view to_text(Role role);
// "viewer"; nothing for what is no role.
std::optional<Role> role_from(std::string_view text);

// A role in a project: its name, or "*" for all of them. What belongs to no project belongs to kDefaultProject.
struct Grant {
  Role role = Role::kViewer;
  std::string project;

  bool operator==(const Grant&) const = default;
};

inline constexpr std::string_view kDefaultProject = "default";
inline constexpr std::string_view kEveryProject = "*";

// Who asks for something: what was found out once, and does not change.
struct Principal {
  std::string name;
  bool server_admin = false;  // may everything
  std::vector<Grant> grants;  // its own and those of its groups
  std::optional<Role> most;   // a token's limit: no more than this role, wherever
  std::string by;             // how it is known: "password", "token ci", "step 4f3c…", "https://issuer"
};

// A token, as another process knows it that answers in this one's place: the SHA-256 of its secret, and what its bearer
// may do where things belong to no project.
struct Caller {
  std::string name;   // of the owner
  std::string token;  // its name
  std::string digest;
  Role role = Role::kViewer;
  std::optional<Timestamp> expires;
  bool operator==(const Caller&) const = default;
};

using PrincipalPtr = std::shared_ptr<const Principal>;

// Times are of the machine's clock.
struct User {
  std::int64_t id = 0;
  std::string name;
  bool is_admin = false;
  bool has_password = true;
  Timestamp created;
};

struct Token {
  std::string id;  // no secret
  std::string name;
  std::string owner;
  std::optional<std::string> role;  // its limit
  Timestamp created;
  std::optional<Timestamp> expires;
  std::optional<Timestamp> last_used;
};

// Who has a role: a user, or "group:NAME", all of the group.
struct Binding {
  std::string subject;
  std::string role;
  std::string project;
};

struct Member {
  std::string group;
  std::string user;
};

BOOST_DESCRIBE_STRUCT(User, (), (id, name, is_admin, has_password, created))
BOOST_DESCRIBE_STRUCT(Token, (), (id, name, owner, role, created, expires, last_used))
BOOST_DESCRIBE_STRUCT(Binding, (), (subject, role, project))
BOOST_DESCRIBE_STRUCT(Member, (), (group, user))

}  // namespace millrace::access
