#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "access/secret.h"
#include "app/offline_access.h"
#include "cli/cli.h"
#include "cli/credentials.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

struct UserArguments {
  std::string name;
  std::string home;  // "": through the API
  std::string db;
  bool admin = false;
  bool ask = false;
};

Result<void> list_users(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(client.get("/api/v1/users"));
  print_page(
      options, page,
      {.columns = {{"NAME"}, {"ADMIN"}, {"CREATED"}},
       .row =
           [](const Json& item) { return Row{cell(item, "name"), cell(item, "admin"), short_time(item, "created")}; },
       .empty = "no users yet, so the server is open to all of its machine: `millrace user create NAME --admin` "
                "makes the first"});
  return {};
}

Json roles_of(const Json& all, const std::string& name) {
  auto mine = Json::array();
  for (const auto& item : all["items"])
    if (cell(item, "subject") == name) mine.push_back(item);
  return mine;
}

Result<void> show_user(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  auto user = TRY(client.get(api::target("/api/v1/users/{}", name)));
  auto roles = roles_of(TRY(client.get("/api/v1/roles")), name);
  auto tokens = TRY(client.get(api::target("/api/v1/tokens?owner={}", name)));
  if (options.json) return print_json({{"user", user}, {"roles", roles}, {"tokens", tokens["items"]}}), Result<void>{};
  fmt::print("{}", fields_text({{"name", cell(user, "name")},
                                {"admin", cell(user, "admin")},
                                {"created", short_time(user, "created")}}));
  fmt::print("{}", section("Roles", table_of(roles, {{"ROLE"}, {"PROJECT"}}, [](const Json& item) {
                             return Row{cell(item, "role"), cell(item, "project")};
                           })));
  fmt::print("{}", section("Tokens", table_of(tokens["items"], {{"ID"}, {"NAME"}, {"EXPIRES"}, {"LAST USED"}},
                                              [](const Json& item) {
                                                return Row{cell(item, "id"), cell(item, "name"),
                                                           short_time(item, "expires"), short_time(item, "last_used")};
                                              })));
  return {};
}

Result<std::string> password_for(const UserArguments& arguments) {
  return arguments.ask ? ask_password(fmt::format("password of {}", arguments.name)) : access::new_password();
}

void print_user(const UserArguments& arguments, const std::string& password, const Options& options,
                std::string_view what) {
  if (options.json) {
    Json json{{"name", arguments.name}};
    if (!arguments.ask) json["password"] = password;
    return print_json(json);
  }
  fmt::print("{}\n", what);
  if (!arguments.ask) fmt::print("password: {}\nIt is not shown again.\n", password);
}

Result<void> create_user(const UserArguments& arguments, const Options& options) {
  const auto password = TRY(password_for(arguments));
  if (arguments.home.empty()) {
    auto client = TRY(connect(options));
    TRY(client.post("/api/v1/users", {{"name", arguments.name}, {"password", password}, {"admin", arguments.admin}}));
  } else {
    auto offline = TRY(app::OfflineAccess::open(arguments.home, arguments.db));
    TRY(offline->store().create_user({.name = arguments.name, .password = password, .is_admin = arguments.admin}));
  }
  print_user(arguments, password, options, fmt::format("user {} is made", arguments.name));
  return {};
}

Result<void> change_password(const UserArguments& arguments, const Options& options) {
  const auto password = TRY(password_for(arguments));
  if (arguments.home.empty()) {
    auto client = TRY(connect(options));
    TRY(client.patch(api::target("/api/v1/users/{}", arguments.name), {{"password", password}}));
  } else {
    auto offline = TRY(app::OfflineAccess::open(arguments.home, arguments.db));
    TRY(offline->store().set_password(arguments.name, password));
  }
  print_user(arguments, password, options, fmt::format("user {} has a new password", arguments.name));
  return {};
}

Result<void> set_admin(const std::string& name, bool admin, const Options& options) {
  auto client = TRY(connect(options));
  auto user = TRY(client.patch(api::target("/api/v1/users/{}", name), {{"admin", admin}}));
  if (options.json) return print_json(user), Result<void>{};
  fmt::print("user {} is {}an admin\n", name, admin ? "" : "not ");
  return {};
}

Result<void> delete_user(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  TRY(client.remove(api::target("/api/v1/users/{}", name)));
  if (!options.json) fmt::print("user {} is deleted, with all tokens and roles\n", name);
  return {};
}

void add_home(CLI::App* command, UserArguments& arguments) {
  command->add_option("--home", arguments.home, "Work on this home folder, while no server runs on it")
      ->type_name("DIR");
  command->add_option("--db", arguments.db, "The server's database, where it is not in the home folder")
      ->envname("MILLRACE_DB")
      ->type_name("URI");
  command->add_flag("--ask", arguments.ask, "Take the password from the terminal, or from a line of standard input");
}

}  // namespace

void add_user(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "user", "Users: without any, the server is open to all of its machine");
  noun->footer(
      "The first user must be an admin; from then on every request says who it is.\n"
      "Examples:\n  millrace user create ann --admin --home ./millrace-home\n  millrace user create bob\n  millrace "
      "role grant bob editor");
  auto arguments = std::make_shared<UserArguments>();
  const auto name = [arguments] { return arguments->name; };
  add_verb(noun, {"list", "Every user", "millrace user list"}, options, [&options] { return list_users(options); });
  auto* show = add_verb(noun, {"show", "One user with roles and tokens", "millrace user show ann"}, options,
                        [name, &options] { return show_user(name(), options); });
  auto* create = add_verb(noun,
                          {"create", "Make a user, with a password that is shown once",
                           "millrace user create ann --admin --home ./millrace-home\nmillrace user create bob --ask"},
                          options, [arguments, &options] { return create_user(*arguments, options); });
  create->add_flag("--admin", arguments->admin, "One who may do everything on the server");
  auto* password = add_verb(noun,
                            {"password", "Give a user another password",
                             "millrace user password bob\nmillrace user password ann --home ./millrace-home --ask"},
                            options, [arguments, &options] { return change_password(*arguments, options); });
  auto* promote = add_verb(noun, {"promote", "Make a user an admin of the server", "millrace user promote bob"},
                           options, [name, &options] { return set_admin(name(), true, options); });
  auto* demote = add_verb(noun, {"demote", "Make an admin an ordinary user", "millrace user demote bob"}, options,
                          [name, &options] { return set_admin(name(), false, options); });
  auto* remove = add_verb(noun, {"delete", "Delete a user, with tokens and roles", "millrace user delete bob"}, options,
                          [name, &options] { return delete_user(name(), options); });
  for (auto* command : {show, create, password, promote, demote, remove})
    command->add_option("NAME", arguments->name, "The user")->required();
  for (auto* command : {create, password}) add_home(command, *arguments);
}

}  // namespace millrace::cli
