#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "base/seal.h"

namespace millrace::app {

inline constexpr std::string_view kSealKeyFile = "secret.key";
inline constexpr const char* kSealKeyVariable = "MILLRACE_SECRET_KEY";

// What secrets in the database are sealed with: 64 hexadecimal digits a key, the one that seals first. From the
// environment, with commas between, which then no longer has them, as children would inherit them; else from the lines
// of HOME/secret.key, which is made for its owner alone where it is not there.
Result<Sealer> open_sealer(const std::filesystem::path& home);

}  // namespace millrace::app
