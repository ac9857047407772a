#include <fmt/core.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "cli/cli.h"
#include "cli/usage.h"

namespace millrace::cli {
namespace {

int answer(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error), kOk;  // help, version
  if (!stops_at_noun(app, error)) {
    fmt::print(stderr, "{}", usage_message(app, error));
    return kUsage;
  }
  const auto* command = typed_command(app);
  fmt::print("{}", help_of(command));
  return command == &app ? kOk : kUsage;
}

// What could not be written (a full disk) is a failure, though the command knows nothing of it.
int with_output_written(int status) {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return status;
  fmt::print(stderr, "millrace: cannot write to standard output: {}\n", std::strerror(errno));
  return status == kOk ? kFailed : status;
}

int run(int argc, char** argv) {
  CLI::App app;
  Options options;
  try {
    add_commands(app, options);
    app.parse(argc, argv);
    return with_output_written(options.exit_status);
  } catch (const CLI::ParseError& error) {
    return with_output_written(answer(app, error));
  } catch (const std::exception& error) {
    return report({Code::kInternal, error.what()});
  }
}

}  // namespace
}  // namespace millrace::cli

int main(int argc, char** argv) {
  // Who reads no further, like head, ends the program without a word, even where the parent ignores the signal.
  std::signal(SIGPIPE, SIG_DFL);
  return millrace::cli::run(argc, argv);
}
