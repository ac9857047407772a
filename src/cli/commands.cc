#include "app/server.h"
#include "cli/cli.h"

namespace millrace::cli {
namespace {

using Add = void (*)(CLI::App&, Options&);

struct Group {
  const char* name;  // of commands in the help; "" for those that are not for people
  std::vector<Add> commands;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all{
      {"Start here", {add_server, add_serve, add_apply, add_status, add_replay}},
      {"Look and act",
       {add_dataset, add_feature, add_pipeline, add_run, add_experiment, add_model, add_endpoint, add_monitor,
        add_trigger, add_gate, add_event, add_lineage}},
      {"Keep", {add_backup, add_restore, add_db, add_import, add_sync}},
      {"Who may do what", {add_user, add_token, add_role, add_audit, add_login}},
      {"And", {add_schema, add_completion, add_help}},
      {"", {add_step, add_rehearse}},
  };
  return all;
}

void set_style(CLI::App& app) {
  auto formatter = app.get_formatter();
  formatter->column_width(28);
  formatter->label("Positionals", "Arguments");
  formatter->label("SUBCOMMAND", "COMMAND");
  formatter->label("TEXT", "");
  formatter->label("REQUIRED", "");
}

}  // namespace

void add_commands(CLI::App& app, Options& options) {
  app.name("millrace");
  app.description(
      "Millrace: the whole life of a machine-learning model in one program.\n"
      "`millrace server` starts it, `millrace apply FOLDER` makes it agree with a project.");
  app.footer(
      "`millrace help COMMAND` tells more, with examples. Every command takes --json and --server.\n"
      "Exit status: 0 done; 1 could not be done; 2 wrong command line; 3 no server answers; 4 the run waited for "
      "failed.");
  app.set_version_flag("--version", app::version(), "Print the version");
  app.require_subcommand(1);
  app.fallthrough();
  set_style(app);
  app.add_option("--server", options.server, "The server's URL")
      ->envname("MILLRACE_SERVER")
      ->type_name("URL")
      ->capture_default_str();
  app.add_option("--ca", options.ca_file, "Believe these certificates (PEM) of https:// servers, not the system's")
      ->envname("MILLRACE_CA_FILE")
      ->type_name("FILE");
  app.add_flag("--json", options.json, "Print the API's JSON");
  for (const auto& group : groups())
    for (auto add : group.commands) {
      add(app, options);
      app.get_subcommands([](const CLI::App*) { return true; }).back()->group(group.name);
    }
}

}  // namespace millrace::cli
