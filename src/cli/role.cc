#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

struct RoleArguments {
  std::string subject, role, project = "*", group, user;
};

Result<void> list_roles(const Options& options) {
  auto client = TRY(connect(options));
  auto roles = TRY(client.get("/api/v1/roles"));
  auto members = TRY(client.get("/api/v1/groups"));
  if (options.json) return print_json({{"roles", roles["items"]}, {"members", members["items"]}}), Result<void>{};
  print_page(
      options, roles,
      {.columns = {{"SUBJECT"}, {"ROLE"}, {"PROJECT"}},
       .row = [](const Json& item) { return Row{cell(item, "subject"), cell(item, "role"), cell(item, "project")}; },
       .empty = "no roles yet: `millrace role grant USER viewer` gives one"});
  fmt::print("{}", section("Members of groups", table_of(members["items"], {{"GROUP"}, {"USER"}}, [](const Json& item) {
                             return Row{cell(item, "group"), cell(item, "user")};
                           })));
  return {};
}

Result<void> grant(const RoleArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto done = TRY(client.put(
      "/api/v1/roles", {{"subject", arguments.subject}, {"role", arguments.role}, {"project", arguments.project}}));
  if (options.json) return print_json(done), Result<void>{};
  fmt::print("{} is {} in project {}\n", arguments.subject, arguments.role, arguments.project);
  return {};
}

Result<void> revoke(const RoleArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  TRY(client.remove(api::target("/api/v1/roles?subject={}&project={}", arguments.subject, arguments.project)));
  if (!options.json) fmt::print("{} has no role in project {} any more\n", arguments.subject, arguments.project);
  return {};
}

std::string member_target(const RoleArguments& arguments) {
  return api::target("/api/v1/groups/{}/members/{}", arguments.group, arguments.user);
}

Result<void> join(const RoleArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  TRY(client.put(member_target(arguments), Json::object()));
  if (!options.json) fmt::print("{} is in group {}\n", arguments.user, arguments.group);
  return {};
}

Result<void> leave(const RoleArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  TRY(client.remove(member_target(arguments)));
  if (!options.json) fmt::print("{} is not in group {} any more\n", arguments.user, arguments.group);
  return {};
}

}  // namespace

void add_role(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "role", "Roles: what users and groups may do in a project");
  noun->footer(
      "viewer: look, and ask endpoints; editor: log, make, change and delete, too; deployer: change what is served "
      "and\n"
      "what runs by itself, too; admin: all of a project. A project is a name, or * for all of them.\n"
      "Examples:\n  millrace role grant bob editor\n  millrace role grant group:ops deployer --project flights\n  "
      "millrace role join ops bob");
  auto arguments = std::make_shared<RoleArguments>();
  add_verb(noun, {"list", "Every role, and the members of groups", "millrace role list"}, options,
           [&options] { return list_roles(options); });
  auto* give = add_verb(noun, {"grant", "Give a user or group:NAME a role", "millrace role grant bob editor"}, options,
                        [arguments, &options] { return grant(*arguments, options); });
  auto* take = add_verb(noun, {"revoke", "Take a role away", "millrace role revoke bob"}, options,
                        [arguments, &options] { return revoke(*arguments, options); });
  auto* in = add_verb(noun, {"join", "Put a user into a group", "millrace role join ops bob"}, options,
                      [arguments, &options] { return join(*arguments, options); });
  auto* out = add_verb(noun, {"leave", "Take a user out of a group", "millrace role leave ops bob"}, options,
                       [arguments, &options] { return leave(*arguments, options); });
  for (auto* command : {give, take}) {
    command->add_option("SUBJECT", arguments->subject, "A user's name, or group:NAME")->required();
    command->add_option("--project", arguments->project, "Where; * for every project")
        ->type_name("NAME")
        ->capture_default_str();
  }
  give->add_option("ROLE", arguments->role, "viewer, editor, deployer or admin")
      ->required()
      ->check(CLI::IsMember({"viewer", "editor", "deployer", "admin"}));
  for (auto* command : {in, out}) {
    command->add_option("GROUP", arguments->group, "The group")->required();
    command->add_option("USER", arguments->user, "The user")->required();
  }
}

}  // namespace millrace::cli
