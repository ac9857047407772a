#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transfer/source.h"

namespace millrace::transfer {

// The folder of this machine that an artifact URI of MLflow names: "file:///PATH", "/PATH", a relative path, which is
// taken from `base`, or, where its root is known, "mlflow-artifacts:/PATH". Nothing for any other.
std::optional<std::filesystem::path> local_folder(std::string_view uri, const std::filesystem::path& base,
                                                  const std::filesystem::path& artifact_root);

// All regular files below a folder, by path; symbolic links are not followed. None for a folder that is not there.
Result<std::vector<SourceFile>> files_below(const std::filesystem::path& folder);

}  // namespace millrace::transfer
