#include <fmt/core.h>

#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/usage.h"

namespace millrace::cli {
namespace {

Result<const CLI::App*> find_command(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  for (const auto& word : words) {
    std::vector<std::string> names;
    const CLI::App* found = nullptr;
    for (const auto* each : command->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(each->get_name());
      if (names.back() == word) found = each;
    }
    if (!found) return not_found("there is no command \"{}\"{}", word, did_you_mean(word, names));
    command = found;
  }
  return command;
}

}  // namespace

void add_help(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("help", "The help of a command, as with --help");
  auto words = std::make_shared<std::vector<std::string>>();
  command->add_option("COMMAND", *words, "The command; without one, Millrace itself");
  command->footer("Example:\n  millrace help dataset show");
  command->callback(guarded(options, [&app, words, &options]() -> Result<void> {
    auto found = find_command(app, *words);
    if (!found) {
      options.exit_status = report(found.error());
      options.exit_status = kUsage;
      return {};
    }
    // `help` itself is what was typed: the app would pass on to its help.
    fmt::print("{}", *found == &app ? app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal)
                                    : help_of(*found));
    return {};
  }));
}

}  // namespace millrace::cli
