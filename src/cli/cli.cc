#include "cli/cli.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/credentials.h"

namespace millrace::cli {

int report(const Error& error) {
  fmt::print(stderr, "millrace: {}\n", error.message);
  return error.code == Code::kUnavailable ? kUnreachable : kFailed;
}

Result<api::ApiClient> connect(const Options& options) {
  auto client = TRY(api::ApiClient::open(options.server, client_options(options)));
  if (auto health = client.get("/health"); !health && health.error().code == Code::kUnavailable)
    return unavailable("no server answers at {}; start one with `millrace server`, or name another with --server",
                       options.server);
  return client;
}

CLI::App* add_noun(CLI::App& app, const std::string& name, const std::string& description) {
  auto* noun = app.add_subcommand(name, description);
  noun->require_subcommand(1);
  return noun;
}

CLI::App* add_verb(CLI::App* noun, const Verb& what) {
  auto* verb = noun->add_subcommand(what.name, what.description);
  verb->group("Commands");
  std::string footer = what.example.contains('\n') ? "Examples:" : "Example:";
  for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
    end = what.example.find('\n', at);
    footer += "\n  " + what.example.substr(at, end - at);
  }
  verb->footer(footer);
  return verb;
}

std::string command_line(const CLI::App* command) {
  return command->get_parent() ? command_line(command->get_parent()) + " " + command->get_name() : command->get_name();
}

void add_limit(CLI::App* command, std::shared_ptr<int> limit) {
  command->add_option_function<int>(
             "--limit", [limit](int given) { *limit = given; }, "Show so many; 0 shows all")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("N")
      ->default_str(std::to_string(*limit));
}

void add_params(CLI::App* command, std::vector<std::string>& params) {
  command->add_option("--param", params, "Give a parameter of the pipeline another value; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

Result<Json> params_json(const std::vector<std::string>& params) {
  auto out = Json::object();
  for (const auto& param : params) {
    auto equals = param.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid_argument("--param \"{}\" is not of the form NAME=VALUE", param);
    auto text = param.substr(equals + 1);
    out[param.substr(0, equals)] = parse_json(text).value_or(Json(text));
  }
  return out;
}

}  // namespace millrace::cli
