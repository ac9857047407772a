#include "access/access.h"
#include "access/decide.h"
#include "api/http/guard.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"

namespace millrace::api::mlflow {

namespace {

// The users of MLflow's basic-auth app are ours; what its experiments' permissions say, roles say here.

void write(JsonWriter& out, const access::User& user) {
  out.object([&] {
    out.field("id", user.id);
    out.field("username", user.name);
    out.field("is_admin", user.is_admin);
  });
}

Answer user_answer(const access::User& user) {
  return object([&](JsonWriter& out) {
    out.key("user");
    write(out, user);
  });
}

// Only an admin sees or changes others.
Result<void> may_touch(const Input& in, std::string_view name) {
  const auto* who = caller(in.request());
  if (who == nullptr || who->name == name || access::decide(who, access::Action::kOperate)) return {};
  return fail(Code::kPermissionDenied, "Permission denied");
}

Result<Answer> create_user(Services& services, Input& in) {
  const std::string_view name = in.required_text("username");
  const std::string_view password = in.required_text("password");
  TRY(in.check());
  return user_answer(TRY(services.access.create_user({.name = std::string(name), .password = std::string(password)})));
}

Result<Answer> get_user(Services& services, Input& in) {
  const std::string_view name = in.required_text("username");
  TRY(in.check());
  TRY(may_touch(in, name));
  return user_answer(TRY(services.access.find_user(name)));
}

Result<Answer> current_user(Services& services, Input& in) {
  const auto* who = caller(in.request());
  if (who == nullptr) return not_found("Nobody is signed in: this server has no users yet.");
  const auto user = services.access.find_user(who->name).value_or(access::User{.name = who->name});
  return object([&](JsonWriter& out) {
    out.key("user");
    write(out, user);
    out.field("is_basic_auth", who->by == "password");
  });
}

Result<Answer> list_users(Services& services, Input&) {
  const auto users = TRY(services.access.list_users());
  return object(
      [&](JsonWriter& out) { out.list("users", users, [&](const access::User& user) { write(out, user); }); });
}

// One's own only by who showed the present one.
Result<Answer> update_password(Services& services, Input& in) {
  const std::string_view name = in.required_text("username");
  const std::string_view password = in.required_text("password");
  TRY(in.check());
  TRY(may_touch(in, name));
  const auto* who = caller(in.request());
  if (who != nullptr && who->by != "password") return fail(Code::kPermissionDenied, "Permission denied");
  TRY(services.access.set_password(name, password));
  return Answer{};
}

Result<Answer> update_admin(Services& services, Input& in) {
  const std::string_view name = in.required_text("username");
  const auto is_admin = in.boolean("is_admin");
  if (!is_admin) in.missing("is_admin");
  TRY(in.check());
  TRY(services.access.set_admin(name, *is_admin));
  return Answer{};
}

Result<Answer> delete_user(Services& services, Input& in) {
  const std::string_view name = in.required_text("username");
  TRY(in.check());
  TRY(services.access.delete_user(name));
  return Answer{};
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/users/create", create_user, Access::kServer},
    {"GET", "/api/2.0/mlflow/users/get", get_user, Access::kSignedIn},
    {"GET", "/api/2.0/mlflow/users/current", current_user, Access::kSignedIn},
    {"GET", "/api/2.0/mlflow/users/list", list_users, Access::kServer},
    {"PATCH", "/api/2.0/mlflow/users/update-password", update_password, Access::kSignedIn},
    {"PATCH", "/api/2.0/mlflow/users/update-admin", update_admin, Access::kServer},
    {"DELETE", "/api/2.0/mlflow/users/delete", delete_user, Access::kServer},
};

}  // namespace

void add_user_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
