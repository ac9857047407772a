#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/entities.h"
#include "base/result.h"

namespace millrace::replicas {

// Who may ask a server, as its replicas know it.
struct Callers {
  bool closed = true;  // callers must say who they are
  std::vector<access::Caller> tokens;
};

// {"closed": true, "callers": [{"name", "token", "sha256", "role", "expires_us"}, ...]}
std::string to_text(const Callers& callers);
// kInvalidArgument for what is not that in every part.
Result<Callers> parse_callers(std::string_view text);

}  // namespace millrace::replicas
