#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace millrace::cli {

// The command that was typed, as far as it is one.
const CLI::App* typed_command(const CLI::App& app);

// What is wrong with a command line, with the nearest command or option, and where to read on.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

// Whether the command line only stops too early, at a command that holds others: help is the answer then.
bool stops_at_noun(const CLI::App& app, const CLI::ParseError& error);

// The command's help, as under --help.
std::string help_of(const CLI::App* command);

}  // namespace millrace::cli
