#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/ids.h"
#include "cli/cli.h"
#include "cli/credentials.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

struct LoginArguments {
  std::string name;
  std::string expires_in = "30d";
  bool out = false;
};

// "login-HOST-1f2e3d4c": names of tokens are an owner's own, and a machine may have several.
std::string token_name() {
  std::array<char, 64> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::string name = "login-";
  for (const char c : std::string_view(host.data())) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  RandomIds ids;
  return name + "-" + ids.next().substr(0, 8);
}

Result<void> log_in(const LoginArguments& arguments, const Options& options) {
  const auto password = TRY(ask_password(fmt::format("password of {}", arguments.name)));
  auto client = TRY(connect(options));
  const auto body = dump_json({{"name", token_name()}, {"expires_in", arguments.expires_in}});
  const auto basic = "Basic " + base64_encode(fmt::format("{}:{}", arguments.name, password));
  auto token = TRY(
      client.send({.method = "POST", .target = "/api/v1/tokens", .body = body, .headers = {{"Authorization", basic}}}));
  const auto file = TRY(keep_token(options.server, cell(token, "secret")));
  if (options.json) return print_json({{"name", arguments.name}, {"file", file}}), Result<void>{};
  fmt::print("logged in to {} as {}; the token is in {}\n", options.server, arguments.name, file);
  return {};
}

Result<void> log_out(const Options& options) {
  const bool had = TRY(forget_token(options.server));
  if (!options.json) fmt::print("{} {}\n", had ? "logged out of" : "there was no login to", options.server);
  return {};
}

}  // namespace

void add_login(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("login", "Show the password once, and keep a token for later commands");
  auto arguments = std::make_shared<LoginArguments>();
  command->add_option("NAME", arguments->name, "The user");
  command->add_option("--expires-in", arguments->expires_in, "How long the token is good")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_flag("--out", arguments->out, "Forget the token instead");
  command->footer(
      "The token is kept for this server's URL in ~/.config/millrace/credentials; MILLRACE_TOKEN goes before it.\n"
      "Examples:\n  millrace login ann\n  millrace login ann --server https://models.example.com < password-file\n  "
      "millrace login --out");
  command->callback(guarded(options, [arguments, &options]() -> Result<void> {
    if (arguments->out) return log_out(options);
    if (arguments->name.empty()) return invalid_argument("NAME is required: `millrace login NAME`");
    return log_in(*arguments, options);
  }));
}

}  // namespace millrace::cli
