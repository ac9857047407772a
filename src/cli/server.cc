#include "app/server.h"

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/listening.h"

namespace millrace::cli {
namespace {

constexpr auto kGrace = std::chrono::seconds(10);

struct ServerArguments {
  std::string home = "millrace-home";
  std::string db;
  std::string artifacts;
  ListeningArguments common;
  access::Issuer issuer;
  bool webhooks_allow_private = false;
  std::string openlineage_url;
  std::string openlineage_namespace = "millrace";
};

// Without keys of its own, an issuer says where they are under its URL.
Result<access::Issuer> complete(access::Issuer issuer) {
  if (issuer.audience.empty()) return invalid_argument("--oidc-issuer needs --oidc-audience, too");
  const auto slash = issuer.url.ends_with('/') ? "" : "/";
  if (issuer.jwks.empty()) issuer.jwks = fmt::format("{}{}.well-known/openid-configuration", issuer.url, slash);
  return issuer;
}

Result<app::ServerSettings> settings_of(const ServerArguments& arguments) {
  std::error_code error;
  app::ServerSettings settings{.home = std::filesystem::absolute(arguments.home, error),
                               .db = arguments.db,
                               .artifacts = arguments.artifacts,
                               .listening = TRY(listening_of(arguments.common)),
                               .program = own_program()};
  if (arguments.webhooks_allow_private) settings.webhook_reach = notify::Reach::kAnywhere;
  settings.openlineage_url = arguments.openlineage_url;
  settings.openlineage_namespace = arguments.openlineage_namespace;
  settings.python = arguments.common.python;
  settings.python_models = !arguments.common.no_python_models;
  if (const char* key = std::getenv("MILLRACE_OPENLINEAGE_API_KEY")) settings.openlineage_key = key;
  if (!arguments.issuer.url.empty()) settings.issuers.push_back(TRY(complete(arguments.issuer)));
  return settings;
}

Result<void> serve(const ServerArguments& arguments) {
  settle_process(arguments.common);
  const auto settings = TRY(settings_of(arguments));
  EndSignals signals;
  auto server = app::Server::start(settings);
  // A port in use is a failure of the start, not an unreachable server.
  if (!server) return fail(Code::kFailedPrecondition, "{}", server.error().message);
  log::info("millrace is ready", {{"url", (*server)->url()},
                                  {"grpc", settings.listening.grpc ? (*server)->grpc_target() : "off"},
                                  {"home", settings.home.string()},
                                  {"version", app::version()}});
  log::info("stopping", {{"signal", signals.wait()}});
  (*server)->stop(kGrace);
  server->reset();
  log::info("stopped");
  return {};
}

void add_issuer(CLI::App& command, access::Issuer& issuer) {
  command.add_option("--oidc-issuer", issuer.url, "Take the tokens of this OpenID Connect issuer")->type_name("URL");
  command.add_option("--oidc-audience", issuer.audience, "What such a token must be for")->type_name("NAME");
  command.add_option("--oidc-jwks", issuer.jwks, "The issuer's keys; else where its description says")
      ->type_name("FILE|URL");
  command.add_option("--oidc-name-claim", issuer.name_claim, "The claim that names the user")
      ->type_name("CLAIM")
      ->capture_default_str();
  command.add_option("--oidc-groups-claim", issuer.groups_claim, "The claim that names the groups")
      ->type_name("CLAIM")
      ->capture_default_str();
}

}  // namespace

void add_server(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand(
      "server", "Run the server: everything it needs is in it, everything it keeps is in its home folder");
  auto arguments = std::make_shared<ServerArguments>();
  command->add_option("--home", arguments->home, "The folder with all that the server keeps; made where there is none")
      ->type_name("DIR")
      ->envname("MILLRACE_HOME")
      ->capture_default_str();
  command
      ->add_option(
          "--db", arguments->db,
          "The database: postgresql://USER@HOST:PORT/NAME, or sqlite:FILE; by default a SQLite file in the home "
          "folder")
      ->type_name("URI")
      ->envname("MILLRACE_DB");
  command
      ->add_option(
          "--artifacts", arguments->artifacts,
          "Where artifacts are kept: s3://BUCKET/PREFIX, found and signed for by AWS_ENDPOINT_URL, AWS_REGION, "
          "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; by default files in the home folder")
      ->type_name("URI")
      ->envname("MILLRACE_ARTIFACTS");
  add_listening(*command, arguments->common);
  add_exposure(*command, arguments->common);
  add_issuer(*command, arguments->issuer);
  add_logging(*command, arguments->common);
  command->add_flag("--webhooks-allow-private", arguments->webhooks_allow_private,
                    "Let webhooks go to private and loopback addresses, too; for tests and closed networks");
  command
      ->add_option("--openlineage-url", arguments->openlineage_url,
                   "Post lineage to this OpenLineage server, with the key in MILLRACE_OPENLINEAGE_API_KEY")
      ->type_name("URL")
      ->envname("MILLRACE_OPENLINEAGE_URL");
  command
      ->add_option("--openlineage-namespace", arguments->openlineage_namespace,
                   "What this server is called among OpenLineage's namespaces")
      ->type_name("NAME")
      ->envname("MILLRACE_OPENLINEAGE_NAMESPACE")
      ->capture_default_str();
  add_python(*command, arguments->common);
  command->footer(
      "Example:\n  millrace server --home ./millrace-home --listen 127.0.0.1:8080\nSIGTERM or Ctrl-C stops it; what "
      "was unfinished goes on at the next start.");
  command->callback(guarded(options, [arguments] { return serve(*arguments); }));
}

}  // namespace millrace::cli
