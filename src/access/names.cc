#include "access/names.h"

#include <algorithm>

namespace millrace::access {
namespace {

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._@-").contains(c);
}

}  // namespace

Result<void> check_name(std::string_view what, std::string_view name) {
  if (!name.empty() && name.size() <= 128 && std::ranges::all_of(name, allowed)) return {};
  return invalid_argument("{} name \"{}\" must be 1 to 128 letters, digits, dots, underscores, dashes or @", what,
                          name);
}

}  // namespace millrace::access
