#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "registry/entities.h"

namespace millrace::registry {

struct Description {
  Folder folder;
  std::string signature;  // JSON, as ModelVersion::signature; or empty
};

// Looks at an MLmodel folder without running anything of it: its flavors, signature and input example, and the files
// that are pickles, by their first bytes or their extension. Empty where it has no MLmodel that can be read.
Description describe_folder(const std::filesystem::path& folder);

}  // namespace millrace::registry
