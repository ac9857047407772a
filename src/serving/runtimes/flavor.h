#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/mlmodel.h"

namespace millrace::serving {

// An option's value; empty where the flavor has none.
std::string option(const registry::Flavor& flavor, const std::string& name);

// A file in the model's folder, by a name that may come from anywhere: kInvalidArgument where it leads out of the
// folder, be it through a symbolic link; kNotFound where there is no such file.
Result<std::filesystem::path> file_inside(const std::filesystem::path& folder, std::string_view name);

// The file or folder that the flavor's option "data" names, inside of the model's folder.
Result<std::filesystem::path> data_file(const std::filesystem::path& folder, const registry::Flavor& flavor);

}  // namespace millrace::serving
