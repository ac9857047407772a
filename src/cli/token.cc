#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

struct TokenArguments {
  std::string name, owner, role, expires_in, id;
};

Result<void> list_tokens(const TokenArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto target = arguments.owner.empty() ? "/api/v1/tokens" : api::target("/api/v1/tokens?owner={}", arguments.owner);
  print_page(options, TRY(client.get(target)),
             {.columns = {{"ID"}, {"OWNER"}, {"NAME"}, {"LIMIT"}, {"CREATED"}, {"EXPIRES"}, {"LAST USED"}},
              .row =
                  [](const Json& item) {
                    return std::vector<std::string>{cell(item, "id"),
                                                    cell(item, "owner"),
                                                    cell(item, "name"),
                                                    cell(item, "role"),
                                                    short_time(item, "created"),
                                                    short_time(item, "expires"),
                                                    short_time(item, "last_used")};
                  },
              .empty = "no tokens yet: `millrace token create NAME` makes one"});
  return {};
}

Result<void> create_token(const TokenArguments& arguments, const Options& options) {
  Json body{{"name", arguments.name}};
  if (!arguments.owner.empty()) body["owner"] = arguments.owner;
  if (!arguments.role.empty()) body["role"] = arguments.role;
  if (!arguments.expires_in.empty()) body["expires_in"] = arguments.expires_in;
  auto client = TRY(connect(options));
  auto token = TRY(client.post("/api/v1/tokens", body));
  if (options.json) return print_json(token), Result<void>{};
  fmt::print("{}\n", cell(token, "secret"));
  fmt::print(stderr,
             "This is token {} of {}; it is not shown again. Programs take it as MILLRACE_TOKEN or "
             "MLFLOW_TRACKING_TOKEN.\n",
             cell(token, "name"), cell(token, "owner"));
  return {};
}

Result<void> delete_token(const std::string& id, const Options& options) {
  auto client = TRY(connect(options));
  TRY(client.remove(api::target("/api/v1/tokens/{}", id)));
  if (!options.json) fmt::print("token {} is deleted\n", id);
  return {};
}

}  // namespace

void add_token(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "token", "Tokens: what programs show instead of a password");
  noun->footer("Examples:\n  millrace token create ci --role editor --expires-in 90d\n  millrace token list");
  auto arguments = std::make_shared<TokenArguments>();
  auto* list = add_verb(noun, {"list", "Your tokens, or everybody's for an admin", "millrace token list"}, options,
                        [arguments, &options] { return list_tokens(*arguments, options); });
  auto* create = add_verb(
      noun,
      {"create", "Make a token; its secret is shown once", "millrace token create ci --role editor --expires-in 90d"},
      options, [arguments, &options] { return create_token(*arguments, options); });
  auto* remove =
      add_verb(noun, {"delete", "Delete a token; it is no longer good at once", "millrace token delete 1f2e"}, options,
               [arguments, &options] { return delete_token(arguments->id, options); });
  create->add_option("NAME", arguments->name, "What it is for")->required();
  create->add_option("--role", arguments->role, "May do no more than this role, whatever its owner may")
      ->check(CLI::IsMember({"viewer", "editor", "deployer", "admin"}))
      ->type_name("ROLE");
  create->add_option("--expires-in", arguments->expires_in, "How long it is good, e.g. 90d; else until it is deleted")
      ->type_name("TIME");
  for (auto* command : {list, create})
    command->add_option("--owner", arguments->owner, "The user whose tokens they are")->type_name("NAME");
  remove->add_option("ID", arguments->id, "The token's id, as `millrace token list` shows it")->required();
}

}  // namespace millrace::cli
