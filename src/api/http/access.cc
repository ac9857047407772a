#include "access/access.h"

#include <nlohmann/json.hpp>

#include "access/audit.h"
#include "access/decide.h"
#include "access/secret.h"
#include "api/http/guard.h"
#include "api/http/resources.h"

namespace millrace::api {
namespace {

using access::Principal;
using net::Request;
using net::Response;

Json time_or_null(const std::optional<Timestamp>& time) { return time ? Json(format_time(*time)) : Json(nullptr); }

Json to_json(const access::User& user) {
  return {{"name", user.name}, {"admin", user.is_admin}, {"created", format_time(user.created)}};
}

Json to_json(const access::Token& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"owner", token.owner},
          {"role", token.role ? Json(*token.role) : Json(nullptr)},
          {"created", format_time(token.created)},
          {"expires", time_or_null(token.expires)},
          {"last_used", time_or_null(token.last_used)}};
}

Json to_json(const access::Binding& binding) {
  return {{"subject", binding.subject}, {"role", binding.role}, {"project", binding.project}};
}

Json to_json(const access::Member& member) { return {{"group", member.group}, {"user", member.user}}; }

Json to_json(const access::AuditEntry& entry) {
  return {{"id", entry.id},       {"time", format_time(entry.time)}, {"who", entry.who},
          {"by", entry.known_by}, {"remote", entry.remote},          {"method", entry.method},
          {"route", entry.route}, {"resource", entry.resource},      {"status", entry.status}};
}

// All of a list that is never long.
template <typename T>
Response answer_list(const Result<std::vector<T>>& list) {
  if (!list) return answer(list.error());
  auto items = Json::array();
  for (const auto& item : *list) items.push_back(to_json(item));
  return answer(page_json(std::move(items), {}));
}

Response no_content(const Result<void>& done) { return done ? Response{.status = 204} : answer(done.error()); }

// Where nobody is known the server is open, and all is allowed.
bool operates(const Principal* who) { return who == nullptr || access::decide(who, access::Action::kOperate).allowed; }

// Of users.

Result<Json> create_user(access::Store& store, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto name = body.required_string("name");
  const auto given = body.string("password");
  const auto admin = body.boolean("admin").value_or(false);
  TRY(body.finish());
  const auto password = given ? *given : access::new_password();
  auto json = to_json(TRY(store.create_user({.name = name, .password = password, .is_admin = admin})));
  if (!given) json["password"] = password;
  return json;
}

// A password may be changed by who showed the present one, and by an admin; nobody's rights by himself.
Result<void> may_change_user(const Principal* who, std::string_view name, bool only_password) {
  if (operates(who)) return {};
  if (only_password && who->name == name && who->by == "password") return {};
  return fail(Code::kPermissionDenied, "only an admin, or {} with the present password, may do this", name);
}

Result<Json> change_user(access::Store& store, const Request& request) {
  const auto name = request.param("name");
  auto body = TRY(Body::parse(request.body));
  const auto password = body.string("password");
  const auto admin = body.boolean("admin");
  TRY(body.finish());
  TRY(may_change_user(caller(request), name, !admin));
  TRY(store.find_user(name));
  if (password) TRY(store.set_password(name, *password));
  if (admin) TRY(store.set_admin(name, *admin));
  return to_json(TRY(store.find_user(name)));
}

Json who_am_i(const access::Store& store, const Request& request) {
  const auto* who = caller(request);
  if (who == nullptr) return {{"name", nullptr}, {"open", !store.closed()}, {"admin", true}, {"roles", Json::array()}};
  auto roles = Json::array();
  for (const auto& grant : who->grants) {
    roles.push_back({{"role", access::to_text(grant.role)}, {"project", grant.project}});
  }
  return {{"name", who->name},
          {"open", false},
          {"admin", operates(who)},
          {"by", who->by},
          {"limit", who->most ? Json(access::to_text(*who->most)) : Json(nullptr)},
          {"roles", std::move(roles)}};
}

// Of tokens.

Result<std::optional<access::Role>> role_in(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto role = access::role_from(*text);
  if (!role) return invalid_argument("role \"{}\" is none of viewer, editor, deployer, admin", *text);
  return role;
}

// Another's only by an admin; and nobody gets more than he came with.
Result<std::string> owner_of_new(const Principal* who, const std::optional<std::string>& asked) {
  if (who == nullptr) {
    if (asked) return *asked;
    return invalid_argument("a token needs an \"owner\" while nobody is signed in");
  }
  if (who->most || who->by == "step") {
    return fail(Code::kPermissionDenied, "{} came with a token that is limited, and cannot make another", who->name);
  }
  if (asked && *asked != who->name && !operates(who)) {
    return fail(Code::kPermissionDenied, "only an admin makes tokens for others");
  }
  return asked.value_or(who->name);
}

Result<Json> create_token(access::Store& store, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  access::Store::NewToken token{.name = body.required_string("name")};
  const auto owner = body.string("owner");
  const auto role = body.string("role");
  const auto lifetime = body.string("expires_in");
  TRY(body.finish());
  token.owner = TRY(owner_of_new(caller(request), owner));
  token.most = TRY(role_in(role));
  if (lifetime) token.lifetime = TRY(parse_duration(*lifetime));
  const auto issued = TRY(store.create_token(token));
  auto json = to_json(issued.token);
  json["secret"] = issued.secret;
  return json;
}

Result<std::vector<access::Token>> list_tokens(access::Store& store, const Request& request) {
  TRY(only_queries(request, {"owner"}));
  const auto* who = caller(request);
  const auto owner = request.query("owner");
  if (operates(who)) return store.list_tokens(owner.value_or(""));
  if (owner && *owner != who->name) return fail(Code::kPermissionDenied, "only an admin sees the tokens of others");
  return store.list_tokens(who->name);
}

Result<void> delete_token(access::Store& store, const Request& request) {
  const auto* who = caller(request);
  const auto token = store.find_token(request.param("id"));
  const bool mine = who != nullptr && token && token->owner == who->name;
  if (!mine && !operates(who)) return not_found("there is no token {}", request.param("id"));
  if (!token) return std::unexpected(token.error());
  return store.delete_token(token->id);
}

// Of roles and groups.

Result<Json> grant(access::Store& store, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  access::Binding binding{.subject = body.required_string("subject"), .role = body.required_string("role")};
  binding.project = body.string("project").value_or(std::string(access::kEveryProject));
  TRY(body.finish());
  TRY(store.grant(binding));
  return to_json(binding);
}

Result<void> revoke(access::Store& store, const Request& request) {
  TRY(only_queries(request, {"subject", "project"}));
  const auto subject = request.query("subject");
  if (!subject) return invalid_argument("query parameter \"subject\" is missing");
  return store.revoke(*subject, request.query("project").value_or(std::string(access::kEveryProject)));
}

access::Member member_of(const Request& request) {
  return {std::string(request.param("group")), std::string(request.param("user"))};
}

// Of the audit log.

Result<Response> audit(const access::Audit& log, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "who", "format"}));
  const auto page = TRY(page_request(request));
  const auto before = page.after.empty() ? 0 : TRY(integer_query(request, "after", 1)).value_or(0);
  const auto format = request.query("format").value_or("json");
  if (format != "json" && format != "ndjson") {
    return invalid_argument("query parameter \"format\" must be json or ndjson, not \"{}\"", format);
  }
  const auto entries = TRY(log.list(before, page.limit, request.query("who").value_or("")));
  const auto next = static_cast<int>(entries.size()) < page.limit ? "" : std::to_string(entries.back().id);
  if (format == "json") {
    auto items = Json::array();
    for (const auto& entry : entries) items.push_back(to_json(entry));
    return answer(page_json(std::move(items), next));
  }
  Response response{.content_type = "application/x-ndjson"};
  for (const auto& entry : entries) response.body += dump_json(to_json(entry)) + "\n";
  return response;
}

void add_user_routes(net::Router& router, access::Store& store) {
  router.add("GET", "/api/v1/whoami", Access::kSignedIn,
             [&](const Request& request) { return answer(who_am_i(store, request)); });
  router.add("GET", "/api/v1/users", Access::kServer, [&](const Request&) { return answer_list(store.list_users()); });
  router.add("POST", "/api/v1/users", Access::kServer,
             [&](const Request& request) { return answer(create_user(store, request), 201); });
  router.add("GET", "/api/v1/users/{name}", Access::kServer, [&](const Request& request) {
    return answer(store.find_user(request.param("name")), [](const auto& user) { return to_json(user); });
  });
  router.add("PATCH", "/api/v1/users/{name}", Access::kSignedIn,
             [&](const Request& request) { return answer(change_user(store, request)); });
  router.add("DELETE", "/api/v1/users/{name}", Access::kServer,
             [&](const Request& request) { return no_content(store.delete_user(request.param("name"))); });
}

void add_token_routes(net::Router& router, access::Store& store) {
  router.add("GET", "/api/v1/tokens", Access::kSignedIn,
             [&](const Request& request) { return answer_list(list_tokens(store, request)); });
  router.add("POST", "/api/v1/tokens", Access::kSignedIn,
             [&](const Request& request) { return answer(create_token(store, request), 201); });
  router.add("DELETE", "/api/v1/tokens/{id}", Access::kSignedIn,
             [&](const Request& request) { return no_content(delete_token(store, request)); });
}

void add_role_routes(net::Router& router, access::Store& store) {
  router.add("GET", "/api/v1/roles", Access::kServer, [&](const Request&) { return answer_list(store.list_roles()); });
  router.add("PUT", "/api/v1/roles", Access::kServer,
             [&](const Request& request) { return answer(grant(store, request)); });
  router.add("DELETE", "/api/v1/roles", Access::kServer,
             [&](const Request& request) { return no_content(revoke(store, request)); });
  router.add("GET", "/api/v1/groups", Access::kServer,
             [&](const Request&) { return answer_list(store.list_members()); });
  router.add("PUT", "/api/v1/groups/{group}/members/{user}", Access::kServer,
             [&](const Request& request) { return no_content(store.add_member(member_of(request))); });
  router.add("DELETE", "/api/v1/groups/{group}/members/{user}", Access::kServer,
             [&](const Request& request) { return no_content(store.remove_member(member_of(request))); });
}

}  // namespace

void add_access_routes(net::Router& router, Services& services) {
  add_user_routes(router, services.access);
  add_token_routes(router, services.access);
  add_role_routes(router, services.access);
  router.add("GET", "/api/v1/audit", Access::kServer, [&log = services.audit](const Request& request) {
    auto found = audit(log, request);
    return found ? std::move(*found) : answer(found.error());
  });
}

}  // namespace millrace::api
