#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::cli {

// A script that completes the commands and options of `app` in "bash", "zsh" or "fish". kInvalidArgument for another
// shell.
Result<std::string> completion_script(const CLI::App& app, std::string_view shell);

}  // namespace millrace::cli
