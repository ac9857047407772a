#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace millrace::proc {

// What tells one build of a program from another: the build id that its linker made of its contents, which is read in
// no time, or, of a file without one, its SHA-256. Hexadecimal digits.
Result<std::string> build_id(const std::filesystem::path& program);

}  // namespace millrace::proc
