#include <exception>

#include "app/server.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  using namespace millrace;
  CLI::App app{"Millrace: the whole life of a machine-learning model in one program.\n"
               "Start a server with `millrace server`, then `millrace apply FOLDER` makes it agree with a project."};
  app.name("millrace");
  app.set_version_flag("--version", app::version());
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  cli::Options options;
  app.add_option("--server", options.server, "The server's URL")->envname("MILLRACE_SERVER")->capture_default_str();
  app.add_flag("--json", options.json, "Print JSON");
  app.fallthrough();
  try {
    cli::add_server(app, options);
    cli::add_apply(app, options);
    cli::add_replay(app, options);
    cli::add_step(app, options);
    app.parse(argc, argv);
    return options.exit_status;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kOk : cli::kUsage;
  } catch (const std::exception& error) {
    return cli::report({Code::kInternal, error.what()});
  }
}
