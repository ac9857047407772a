#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "app/replica.h"
#include "app/server.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/credentials.h"
#include "cli/listening.h"

namespace millrace::cli {
namespace {

constexpr auto kGrace = std::chrono::seconds(10);

struct ServeArguments {
  std::string from;
  std::string home = "millrace-replica";
  std::string name;
  std::string address;
  double drain_seconds = 5;
  std::uint64_t log_megabytes = 1024;
  ListeningArguments common;
};

Result<app::ReplicaSettings> settings_of(const ServeArguments& arguments, const Options& options) {
  Options server = options;
  server.server = arguments.from;
  std::error_code error;
  return app::ReplicaSettings{.from = {arguments.from, client_options(server)},
                              .home = std::filesystem::absolute(arguments.home, error),
                              .name = arguments.name,
                              .address = arguments.address,
                              .listening = TRY(listening_of(arguments.common)),
                              .program = own_program(),
                              .python = arguments.common.python,
                              .python_models = !arguments.common.no_python_models,
                              .most_waiting_bytes = arguments.log_megabytes << 20};
}

Result<void> serve(const ServeArguments& arguments, const Options& options) {
  settle_process(arguments.common);
  const auto settings = TRY(settings_of(arguments, options));
  EndSignals signals;
  auto replica = app::Replica::start(settings);
  // A port in use is a failure of the start, not an unreachable server.
  if (!replica) return fail(Code::kFailedPrecondition, "{}", replica.error().message);
  log::info("millrace is listening", {{"url", (*replica)->url()},
                                      {"grpc", settings.listening.grpc ? (*replica)->grpc_target() : "off"},
                                      {"replica", (*replica)->name()},
                                      {"server", arguments.from},
                                      {"version", app::version()}});
  log::info("draining", {{"signal", signals.wait()}, {"seconds", fmt::format("{}", arguments.drain_seconds)}});
  (*replica)->drain();
  std::this_thread::sleep_for(std::chrono::duration<double>(arguments.drain_seconds));
  (*replica)->stop(kGrace);
  replica->reset();
  log::info("stopped");
  return {};
}

}  // namespace

void add_serve(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand(
      "serve", "Answer predictions as a server does, beside it: a replica of its endpoints, on any machine");
  auto arguments = std::make_shared<ServeArguments>();
  command->add_option("--from", arguments->from, "The server that it is a replica of")
      ->type_name("URL")
      ->envname("MILLRACE_SERVER")
      ->required();
  command
      ->add_option("--home", arguments->home,
                   "The folder with models and with predictions that are on their way; made where there is none")
      ->type_name("DIR")
      ->envname("MILLRACE_REPLICA_HOME")
      ->capture_default_str();
  command
      ->add_option("--name", arguments->name,
                   "Its own name among the server's replicas; by default the machine's, and the port")
      ->type_name("NAME");
  command->add_option("--address", arguments->address, "Where others find it; by default where it listens")
      ->type_name("URL");
  command
      ->add_option("--drain-seconds", arguments->drain_seconds,
                   "How long it goes on answering, though no longer ready, once it is told to end")
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("SECONDS")
      ->capture_default_str();
  command
      ->add_option("--log-limit", arguments->log_megabytes,
                   "The most megabytes of predictions that wait on the disk while the server cannot be reached")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 30))
      ->type_name("MB")
      ->capture_default_str();
  add_listening(*command, arguments->common);
  add_exposure(*command, arguments->common);
  add_logging(*command, arguments->common);
  add_python(*command, arguments->common);
  command->footer(
      "It follows what the server serves, and goes on with what it knows while the server is away. The server is "
      "shown\n"
      "MILLRACE_TOKEN, or what `millrace login` kept for it.\n"
      "Example:\n  millrace serve --from http://10.0.0.1:8080 --listen 127.0.0.1:8090\nSIGTERM or Ctrl-C drains and "
      "ends it.");
  command->callback(guarded(options, [arguments, &options] { return serve(*arguments, options); }));
}

}  // namespace millrace::cli
