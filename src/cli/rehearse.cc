#include "cli/cli.h"
#include "serving/runtime.h"

namespace millrace::cli {

void add_rehearse(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("rehearse", "Load a model and leave it; the server does this");
  auto folder = std::make_shared<std::string>();
  command->add_option("folder", *folder, "The MLmodel folder")->required();
  command->group("");  // not for people
  command->callback(guarded(options, [folder]() -> Result<void> {
    TRY(serving::load_runtime(*folder));
    return {};
  }));
}

}  // namespace millrace::cli
