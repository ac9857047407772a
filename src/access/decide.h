#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "access/entities.h"

namespace millrace::access {

enum class Action {
  kBeKnown,  // nothing but to be known
  kPredict,
  kRead,
  kRecord,
  kWrite,
  kDeploy,
  kAdminister,  // a project
  kOperate,     // the server: users, tokens, the audit log
};

// What is acted on. Today only its project matters; where projects get things of their own, they are named here.
struct Resource {
  std::string_view project = kDefaultProject;
};

struct Decision {
  bool allowed = false;
  std::string reason;  // why not, for a person; empty where allowed

  explicit operator bool() const { return allowed; }
};

// May `who` do this? Nobody in particular (null) may nothing.
Decision decide(const Principal* who, Action action, const Resource& resource = {});

// The role that somebody has in a project; none where they have none.
std::optional<Role> role_in(const Principal& who, std::string_view project);

}  // namespace millrace::access
