#include "cli/completion.h"

#include <fmt/core.h>

#include "cli/cli.h"

namespace millrace::cli {

void add_completion(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("completion", "A script that makes a shell complete commands and options");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  command->footer(
      "Put one of these where your shell starts:\n"
      "  source <(millrace completion bash)     # ~/.bashrc\n"
      "  source <(millrace completion zsh)      # ~/.zshrc, behind compinit\n"
      "  millrace completion fish | source      # ~/.config/fish/config.fish");
  command->callback(guarded(options, [&app, shell]() -> Result<void> {
    fmt::print("{}", TRY(completion_script(app, *shell)));
    return {};
  }));
}

}  // namespace millrace::cli
