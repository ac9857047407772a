#include "base/late_library.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace millrace::late {
namespace {

// "libduckdb.so: cannot open shared object file: No such file or directory" says "cannot open ..." only once.
std::string_view reason(std::string_view said, std::string_view library) {
  if (said.starts_with(library)) said.remove_prefix(library.size());
  while (!said.empty() && (said.front() == ':' || said.front() == ' ')) said.remove_prefix(1);
  return said;
}

}  // namespace

Result<void> load(const char* library, std::span<const char* const> names, std::span<void (*)()> table) {
  // Never closed: what it holds may outlive everything of ours.
  void* const handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr)
    return unavailable("cannot load {} ({}); put it beside the program or install it with tools/setup/install", library,
                       reason(dlerror(), library));
  for (std::size_t i = 0; i < names.size(); ++i) {
    void* const address = dlsym(handle, names[i]);
    if (address == nullptr)
      return unavailable("{} is not the version that this program was built for: it has no {}", library, names[i]);
    table[i] = reinterpret_cast<void (*)()>(address);
  }
  return {};
}

void call_before_load(const char* library) {
  std::fprintf(stderr, "millrace: a function of %s was called before it was loaded\n", library);
  std::abort();
}

}  // namespace millrace::late
