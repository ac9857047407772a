#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/client.h"
#include "base/result.h"

namespace millrace::cli {

// What scripts may rely on.
enum ExitStatus : int {
  kOk = 0,
  kFailed = 1,       // the thing asked for could not be done; one line on standard error says why
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no server answers
  kRunFailed = 4,    // the pipeline run that was waited for failed or was cancelled
};

// What every command knows.
struct Options {
  std::string server = "http://127.0.0.1:8080";
  std::string ca_file;  // whose certificates are believed; "" for the system's
  bool json = false;
  int exit_status = kOk;
};

// Prints the error as one plain line on standard error; the exit status that goes with it.
int report(const Error& error);

// Makes a command's callback: an error becomes one plain line on standard error and an exit status.
template <typename Run>
auto guarded(Options& options, Run run) {
  return [&options, run = std::move(run)] {
    Result<void> result = run();
    if (!result) options.exit_status = report(result.error());
  };
}

// The server that was named; kUnavailable, with what to do, where none answers.
Result<api::ApiClient> connect(const Options& options);

// A command that only holds others, e.g. `millrace dataset`; alone it prints its help.
CLI::App* add_noun(CLI::App& app, const std::string& name, const std::string& description);
// `NOUN VERB`, with the callback that runs it.
struct Verb {
  std::string name;
  std::string description;
  std::string example;  // "millrace dataset list"; several with line ends between
};
CLI::App* add_verb(CLI::App* noun, const Verb& verb);
template <typename Run>
CLI::App* add_verb(CLI::App* noun, const Verb& what, Options& options, Run run) {
  auto* verb = add_verb(noun, what);
  verb->callback(guarded(options, std::move(run)));
  return verb;
}
// "millrace dataset show", as it is typed.
std::string command_line(const CLI::App* command);

// --limit N: how many of a list; 0 for all.
void add_limit(CLI::App* command, std::shared_ptr<int> limit);
// --param NAME=VALUE, any number of times.
void add_params(CLI::App* command, std::vector<std::string>& params);
// Values are read as JSON where they are JSON, else as strings. kInvalidArgument for one without "=".
Result<Json> params_json(const std::vector<std::string>& params);

// One function a command, in the file of its name.
void add_apply(CLI::App& app, Options& options);
void add_backup(CLI::App& app, Options& options);
void add_audit(CLI::App& app, Options& options);
void add_completion(CLI::App& app, Options& options);
void add_dataset(CLI::App& app, Options& options);
void add_db(CLI::App& app, Options& options);
void add_endpoint(CLI::App& app, Options& options);
void add_event(CLI::App& app, Options& options);
void add_feature(CLI::App& app, Options& options);
void add_gate(CLI::App& app, Options& options);
void add_help(CLI::App& app, Options& options);
void add_experiment(CLI::App& app, Options& options);
void add_import(CLI::App& app, Options& options);
void add_lineage(CLI::App& app, Options& options);
void add_login(CLI::App& app, Options& options);
void add_model(CLI::App& app, Options& options);
void add_monitor(CLI::App& app, Options& options);
void add_pipeline(CLI::App& app, Options& options);
void add_replay(CLI::App& app, Options& options);
void add_restore(CLI::App& app, Options& options);
void add_role(CLI::App& app, Options& options);
void add_run(CLI::App& app, Options& options);
void add_schema(CLI::App& app, Options& options);
void add_serve(CLI::App& app, Options& options);
void add_server(CLI::App& app, Options& options);
void add_status(CLI::App& app, Options& options);
void add_rehearse(CLI::App& app, Options& options);
void add_step(CLI::App& app, Options& options);
void add_sync(CLI::App& app, Options& options);
void add_token(CLI::App& app, Options& options);
void add_trigger(CLI::App& app, Options& options);
void add_user(CLI::App& app, Options& options);

// All of them, and the options that they share.
void add_commands(CLI::App& app, Options& options);

}  // namespace millrace::cli
