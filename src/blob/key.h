#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::blob {

// kInvalidArgument for what is not a key (see Store).
Result<void> check_key(std::string_view key);

// What a URI points to: a key of the store, or an absolute path outside of it.
struct Location {
  std::string path;
  bool outside = false;
};
Result<Location> parse_uri(std::string_view uri);

}  // namespace millrace::blob
