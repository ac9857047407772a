#pragma once

#include "cli/cli.h"

namespace millrace::cli {

// `millrace model rule`, `rules`, `request`, `requests`, `approve`, `reject`, `withdraw`.
void add_model_moves(CLI::App* noun, Options& options);

}  // namespace millrace::cli
