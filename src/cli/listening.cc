#include "cli/listening.h"

#include <malloc.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/log.h"

namespace millrace::cli {
namespace {

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

log::Level level_from(const std::string& name) {
  return name == "debug"   ? log::Level::kDebug
         : name == "warn"  ? log::Level::kWarn
         : name == "error" ? log::Level::kError
                           : log::Level::kInfo;
}

// Large pieces go back to the system as soon as they are free, and threads share their small ones: an answer of 15 MB
// would else be kept for each thread that ever wrote one.
void return_memory_soon() {
  mallopt(M_MMAP_THRESHOLD, 3 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  mallopt(M_ARENA_MAX, 4);
}

}  // namespace

void add_listening(CLI::App& command, ListeningArguments& arguments) {
  command.add_option("--listen", arguments.listen, "ADDRESS:PORT or PORT; port 0 takes any free one")
      ->type_name("ADDRESS")
      ->capture_default_str();
  command
      .add_option("--grpc-listen", arguments.grpc_listen,
                  "Where gRPC is spoken: ADDRESS:PORT, PORT or off; by default the port after HTTP's")
      ->type_name("ADDRESS");
}

void add_exposure(CLI::App& command, ListeningArguments& arguments) {
  command.add_option("--tls-cert", arguments.others.tls_certificate, "Speak TLS with this certificate (PEM)")
      ->type_name("FILE");
  command.add_option("--tls-key", arguments.others.tls_key, "The certificate's key (PEM)")->type_name("FILE");
  command.add_flag("--allow-anonymous", arguments.others.allow_anonymous,
                   "Listen beyond this machine though there are no users: anybody may do everything");
  command.add_flag("--allow-plaintext", arguments.others.allow_plaintext,
                   "Listen beyond this machine without TLS, e.g. where a proxy in front has it");
  command.add_flag("--public-metrics", arguments.others.public_metrics, "Answer /metrics without a user");
  command
      .add_option("--allowed-host", arguments.others.allowed_hosts,
                  "A further name that the server answers to, and whose pages may use it; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

void add_logging(CLI::App& command, ListeningArguments& arguments) {
  command.add_option("--log-format", arguments.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command.add_option("--log-level", arguments.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL")
      ->capture_default_str();
}

void add_python(CLI::App& command, ListeningArguments& arguments) {
  command
      .add_option("--python", arguments.python,
                  "The Python that runs the models which need it, unless their endpoint names an environment")
      ->type_name("PROGRAM")
      ->envname("MILLRACE_PYTHON")
      ->capture_default_str();
  command.add_flag("--no-python-models", arguments.no_python_models,
                   "Refuse models that need Python: they run code that came with the model");
}

Result<app::Listening> listening_of(const ListeningArguments& arguments) {
  app::Listening listening = arguments.others;
  listening.http = TRY(split_address("--listen", arguments.listen));
  listening.grpc = TRY(grpc_address(arguments.grpc_listen, listening.http));
  if (listening.tls_certificate.empty() != listening.tls_key.empty())
    return invalid_argument("--tls-cert and --tls-key go together");
  return listening;
}

std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

void settle_process(const ListeningArguments& arguments) {
  return_memory_soon();
  log::configure(level_from(arguments.log_level),
                 arguments.log_format == "json" ? log::Format::kJson : log::Format::kText);
  // Inherited by children: OpenMP's idle threads would spin otherwise, and take the processors from those that work.
  setenv("OMP_WAIT_POLICY", "passive", 0);
}

EndSignals::EndSignals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

std::string EndSignals::wait() {
  int signal = 0;
  sigwait(&set_, &signal);
  return signal == SIGINT ? "SIGINT" : "SIGTERM";
}

}  // namespace millrace::cli
