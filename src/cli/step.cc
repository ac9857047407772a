#include "app/steps/step.h"

#include <algorithm>

#include "base/suggest.h"
#include "cli/cli.h"

namespace millrace::cli {
namespace {

Result<void> run_step(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& step : app::steps()) {
    names.push_back(step.declaration.name);
    if (step.declaration.name != name) continue;
    auto run = TRY(app::StepRun::open(TRY(pipelines::read_step_context())));
    return step.run(run);
  }
  return not_found("there is no step \"{}\"{}", name, did_you_mean(name, names));
}

}  // namespace

void add_step(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("step", "Run a built-in step of a pipeline; the server does this");
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "The step")->required();
  command->group("");  // not for people
  command->callback(guarded(options, [name]() -> Result<void> {
    auto done = run_step(*name);
    if (!done) return fail(Code::kFailedPrecondition, "{}", done.error().message);
    return done;
  }));
}

}  // namespace millrace::cli
