#include "app/server.h"

#include <fmt/core.h>
#include <malloc.h>
#include <signal.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "cli/cli.h"

namespace millrace::cli {
namespace {

constexpr auto kGrace = std::chrono::seconds(10);

struct ServerArguments {
  std::string home = "millrace-home";
  std::string db;
  std::string artifacts;
  std::string listen = "127.0.0.1:8080";
  std::string grpc_listen;
  std::string tls_certificate, tls_key;
  bool allow_anonymous = false;
  bool allow_plaintext = false;
  bool public_metrics = false;
  std::vector<std::string> allowed_hosts;
  access::Issuer issuer;
  std::string log_format = "text";
  std::string log_level = "info";
  bool webhooks_allow_private = false;
  std::string openlineage_url;
  std::string openlineage_namespace = "millrace";
  std::string python = "python3";
  bool no_python_models = false;
};

Result<app::ListenAddress> split_address(std::string_view option, const std::string& listen) {
  app::ListenAddress place;
  auto colon = listen.rfind(':');
  auto digits = colon == std::string::npos ? listen : listen.substr(colon + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return invalid_argument("{} \"{}\" is not an address; write it like 127.0.0.1:8080 or 8080", option, listen);
  if (colon != std::string::npos && colon > 0) place.address = listen.substr(0, colon);
  return place;
}

// Where it is not said: beside HTTP, on the next port.
Result<std::optional<app::ListenAddress>> grpc_address(const std::string& given, const app::ListenAddress& http) {
  if (given == "off") return std::nullopt;
  if (!given.empty()) return TRY(split_address("--grpc-listen", given));
  const auto next = static_cast<std::uint16_t>(http.port == 0 ? 0 : http.port + 1);
  return app::ListenAddress{http.address, next};
}

// Without keys of its own, an issuer says where they are under its URL.
Result<access::Issuer> complete(access::Issuer issuer) {
  if (issuer.audience.empty()) return invalid_argument("--oidc-issuer needs --oidc-audience, too");
  const auto slash = issuer.url.ends_with('/') ? "" : "/";
  if (issuer.jwks.empty()) issuer.jwks = fmt::format("{}{}.well-known/openid-configuration", issuer.url, slash);
  return issuer;
}

log::Level level_from(const std::string& name) {
  return name == "debug"   ? log::Level::kDebug
         : name == "warn"  ? log::Level::kWarn
         : name == "error" ? log::Level::kError
                           : log::Level::kInfo;
}

// Blocks the signals that end the server in every thread, so that one wait takes them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

// Large pieces go back to the system as soon as they are free, and threads share their small ones: an answer of 15 MB
// would else be kept for each thread that ever wrote one.
void return_memory_soon() {
  mallopt(M_MMAP_THRESHOLD, 3 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  mallopt(M_ARENA_MAX, 4);
}

Result<void> serve(const ServerArguments& arguments) {
  return_memory_soon();
  log::configure(level_from(arguments.log_level),
                 arguments.log_format == "json" ? log::Format::kJson : log::Format::kText);
  std::error_code error;
  app::ServerSettings settings{.home = std::filesystem::absolute(arguments.home, error),
                               .db = arguments.db,
                               .artifacts = arguments.artifacts,
                               .program = std::filesystem::read_symlink("/proc/self/exe", error).string()};
  if (arguments.webhooks_allow_private) settings.webhook_reach = notify::Reach::kAnywhere;
  const auto place = TRY(split_address("--listen", arguments.listen));
  settings.address = place.address;
  settings.port = place.port;
  settings.grpc = TRY(grpc_address(arguments.grpc_listen, place));
  if (arguments.tls_certificate.empty() != arguments.tls_key.empty()) {
    return invalid_argument("--tls-cert and --tls-key go together");
  }
  settings.tls_certificate = arguments.tls_certificate;
  settings.tls_key = arguments.tls_key;
  settings.allow_anonymous = arguments.allow_anonymous;
  settings.allow_plaintext = arguments.allow_plaintext;
  settings.public_metrics = arguments.public_metrics;
  settings.allowed_hosts = arguments.allowed_hosts;
  settings.openlineage_url = arguments.openlineage_url;
  settings.openlineage_namespace = arguments.openlineage_namespace;
  settings.python = arguments.python;
  settings.python_models = !arguments.no_python_models;
  if (const char* key = std::getenv("MILLRACE_OPENLINEAGE_API_KEY")) settings.openlineage_key = key;
  if (!arguments.issuer.url.empty()) settings.issuers.push_back(TRY(complete(arguments.issuer)));
  // Inherited by the steps: OpenMP's idle threads would spin otherwise, and take the processors from those that work.
  setenv("OMP_WAIT_POLICY", "passive", 0);
  auto signals = block_signals();
  auto server = app::Server::start(settings);
  // A port in use is a failure of the start, not an unreachable server.
  if (!server) return fail(Code::kFailedPrecondition, "{}", server.error().message);
  log::info("millrace is ready", {{"url", (*server)->url()},
                                  {"grpc", settings.grpc ? (*server)->grpc_target() : "off"},
                                  {"home", settings.home.string()},
                                  {"version", app::version()}});
  int signal = 0;
  sigwait(&signals, &signal);
  log::info("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  (*server)->stop(kGrace);
  server->reset();
  log::info("stopped");
  return {};
}

void add_access(CLI::App& command, ServerArguments& arguments) {
  command.add_option("--tls-cert", arguments.tls_certificate, "Speak TLS with this certificate (PEM)")
      ->type_name("FILE");
  command.add_option("--tls-key", arguments.tls_key, "The certificate's key (PEM)")->type_name("FILE");
  command.add_flag("--allow-anonymous", arguments.allow_anonymous,
                   "Listen beyond this machine though there are no users: anybody may do everything");
  command.add_flag("--allow-plaintext", arguments.allow_plaintext,
                   "Listen beyond this machine without TLS, e.g. where a proxy in front has it");
  command.add_flag("--public-metrics", arguments.public_metrics, "Answer /metrics without a user");
  command
      .add_option("--allowed-host", arguments.allowed_hosts,
                  "A further name that the server answers to, and whose pages may use it; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_option("--oidc-issuer", arguments.issuer.url, "Take the tokens of this OpenID Connect issuer")
      ->type_name("URL");
  command.add_option("--oidc-audience", arguments.issuer.audience, "What such a token must be for")->type_name("NAME");
  command.add_option("--oidc-jwks", arguments.issuer.jwks, "The issuer's keys; else where its description says")
      ->type_name("FILE|URL");
  command.add_option("--oidc-name-claim", arguments.issuer.name_claim, "The claim that names the user")
      ->type_name("CLAIM")
      ->capture_default_str();
  command.add_option("--oidc-groups-claim", arguments.issuer.groups_claim, "The claim that names the groups")
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
  command->add_option("--listen", arguments->listen, "ADDRESS:PORT or PORT; port 0 takes any free one")
      ->type_name("ADDRESS")
      ->capture_default_str();
  command
      ->add_option("--grpc-listen", arguments->grpc_listen,
                   "Where gRPC is spoken: ADDRESS:PORT, PORT or off; by default the port after HTTP's")
      ->type_name("ADDRESS");
  add_access(*command, *arguments);
  command->add_option("--log-format", arguments->log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_option("--log-level", arguments->log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL")
      ->capture_default_str();
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
  command
      ->add_option("--python", arguments->python,
                   "The Python that runs the models which need it, unless their endpoint names an environment")
      ->type_name("PROGRAM")
      ->envname("MILLRACE_PYTHON")
      ->capture_default_str();
  command->add_flag("--no-python-models", arguments->no_python_models,
                    "Refuse models that need Python: they run code that came with the model");
  command->footer(
      "Example:\n  millrace server --home ./millrace-home --listen 127.0.0.1:8080\nSIGTERM or Ctrl-C stops it; what "
      "was unfinished goes on at the next start.");
  command->callback(guarded(options, [arguments] { return serve(*arguments); }));
}

}  // namespace millrace::cli
