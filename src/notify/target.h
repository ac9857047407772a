#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::notify {

// A webhook's address, taken apart: "https://example.org:8443" and "/hook?x=1".
struct Target {
  std::string origin;
  std::string host;
  std::string path;
};
// kInvalidArgument, in MLflow's words, for what is not https, has no host, or carries a user.
Result<Target> parse_target(std::string_view url);

// Letters, digits, dots, dashes and underscores; at most 63.
Result<void> check_name(std::string_view name);

}  // namespace millrace::notify
