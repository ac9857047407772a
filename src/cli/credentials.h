#pragma once

#include <string>

#include "base/result.h"
#include "cli/cli.h"
#include "net/client.h"

namespace millrace::cli {

// The token for the server: MILLRACE_TOKEN, or the one that `millrace login` kept for its URL; "" where there is none.
net::ClientOptions client_options(const Options& options);

// Keeps a token for a server in $XDG_CONFIG_HOME/millrace/credentials (~/.config where that is not set), which only
// its owner may read. Answers the file.
Result<std::string> keep_token(const std::string& server, const std::string& token);
// False where there was none.
Result<bool> forget_token(const std::string& server);

// A password: a line of standard input where that is no terminal, else typed without being shown. `prompt` is shown.
Result<std::string> ask_password(const std::string& prompt);

}  // namespace millrace::cli
