#include "api/http/guard.h"

#include <array>

#include "api/http/answer.h"
#include "api/http/origin.h"
#include "api/mlflow/error.h"
#include "base/log.h"

namespace millrace::api {
namespace {

using access::Action;
using net::Access;
using net::Request;
using net::Response;
using net::Route;

constexpr std::array<std::string_view, 3> kFormTypes = {"text/plain", "application/x-www-form-urlencoded",
                                                        "multipart/form-data"};

bool changes_something(Access access) {
  return access == Access::kRecord || access == Access::kWrite || access == Access::kDeploy ||
         access == Access::kAdmin || access == Access::kServer;
}

// What anybody who is known may ask for is a change only where it was done: of one's password, one's tokens.
bool is_audited(Access access, int status) {
  if (access == Access::kSignedIn) return status < 400;
  return changes_something(access) && access != Access::kRecord;
}

bool is_mlflow(std::string_view path) {
  for (const auto* prefix : {"/api/2.0/", "/api/3.0/", "/ajax-api/", "/get-artifact", "/model-versions/get-artifact",
                             "/graphql", "/v1/traces"}) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

Action action_of(Access access) {
  switch (access) {
    case Access::kUndeclared:
    case Access::kPublic:
    case Access::kSignedIn:
      return Action::kBeKnown;
    case Access::kPredict:
      return Action::kPredict;
    case Access::kRead:
      return Action::kRead;
    case Access::kRecord:
      return Action::kRecord;
    case Access::kWrite:
      return Action::kWrite;
    case Access::kDeploy:
      return Action::kDeploy;
    case Access::kAdmin:
      return Action::kAdminister;
    case Access::kServer:
      return Action::kOperate;
  }
  return Action::kOperate;
}

// Nothing on the server belongs to a project of its own yet. The day it does, this reads the project off the request.
access::Resource resource_of(const Request&) { return {.project = access::kDefaultProject}; }

// What a form of a page could send without the browser asking first.
bool could_be_a_form(const Request& request) {
  if (request.method != "POST") return false;
  const auto type = request.header("Content-Type");
  const auto plain = type.substr(0, type.find(';'));
  for (const auto known : kFormTypes) {
    if (net::equals_ignoring_case(plain, known)) return true;
  }
  return false;
}

std::string_view address_of(std::string_view remote) { return remote.substr(0, remote.rfind(':')); }

bool is_local(std::string_view remote) {
  auto address = address_of(remote);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return is_loopback(address);
}

Response refuse(const Request& request, const Error& error) {
  const bool mlflow = is_mlflow(request.path);
  auto response = mlflow ? mlflow::answer(error) : answer(error);
  if (error.code == Code::kResourceExhausted) {
    // A client that is told 429 asks again by itself, and waits for long.
    response.status = 401;
    response.headers.emplace_back("Retry-After", "60");
  }
  if (response.status == 401) {
    if (mlflow) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"mlflow\"");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"millrace\"");
  }
  return response;
}

std::unexpected<Error> who_are_you(const access::Credentials& credentials) {
  if (credentials.kind == access::Credentials::Kind::kBearer) {
    return fail(Code::kUnauthenticated, "the token is not known, or no longer good");
  }
  return fail(Code::kUnauthenticated,
              "this server has users: send a token (MILLRACE_TOKEN, MLFLOW_TRACKING_TOKEN), or a name and password");
}

template <typename... Args>
std::unexpected<Error> denied(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kPermissionDenied, format, std::forward<Args>(args)...);
}

}  // namespace

const access::Principal* caller(const Request& request) {
  return static_cast<const access::Principal*>(request.principal.get());
}

// What a page of another site could make a browser send.
Result<void> RequestGuard::check_sender(const Request& request, const Route* route) const {
  const HostRules hosts{.on_loopback = rules_.on_loopback, .also = rules_.allowed_hosts};
  const auto host = request.header("Host");
  if (!host_allowed(host, hosts)) {
    return denied("this server does not answer to the name \"{}\"; `--allowed-host` adds one", host);
  }
  if (route == nullptr || request.method == "GET" || request.method == "HEAD") return {};
  const auto origin = request.header("Origin");
  if (!origin.empty() && !origin_allowed(origin, host, hosts)) {
    return denied("a page of \"{}\" may not do this; `--allowed-host` adds a host whose pages may", origin);
  }
  if (origin.empty() && net::equals_ignoring_case(request.header("Sec-Fetch-Site"), "cross-site")) {
    return denied("a page of another site may not do this");
  }
  const bool with_token =
      access::read_credentials(request.header("Authorization")).kind == access::Credentials::Kind::kBearer;
  if (changes_something(route->access) && origin.empty() && !with_token && could_be_a_form(request)) {
    if (is_mlflow(request.path)) {
      return invalid_argument("Bad Request. Content-Type must be one of ['application/json'].");
    }
    return invalid_argument("Content-Type \"{}\" is what a form sends; say application/json, or send a token",
                            request.header("Content-Type"));
  }
  return {};
}

Result<void> RequestGuard::check_open(const Request& request, const Route& route) {
  if (route.access != Access::kServer || is_local(request.remote)) return {};
  return denied("while the server has no users, this can only be done on its own machine");
}

Result<void> RequestGuard::authorise(Request& request, const Route& route, access::PrincipalPtr who) {
  if (route.access == Access::kUndeclared) return denied("this route is closed: it does not say who may call it");
  auto decision = access::decide(who.get(), action_of(route.access), resource_of(request));
  if (!decision) return denied("{}", decision.reason);
  request.user = who->name;
  request.principal = std::move(who);
  return {};
}

Result<net::Guard::Verdict> RequestGuard::examine(Request& request, const Route* route) const {
  if (route == nullptr || route->access == Access::kPublic) return Verdict::kAdmit;
  if (rules_.public_metrics && route->pattern == "/metrics") return Verdict::kAdmit;
  if (!access_.closed()) {
    TRY(check_open(request, *route));
    return Verdict::kAdmit;
  }
  const auto credentials = access::read_credentials(request.header("Authorization"));
  auto [who, unsure] = access_.recognise(credentials);
  if (unsure) return Verdict::kAskPool;
  if (!who) return who_are_you(credentials);
  TRY(authorise(request, *route, std::move(who)));
  return Verdict::kAdmit;
}

// By all means, however long they take.
Result<void> RequestGuard::prove(Request& request, const Route* route) {
  const auto credentials = access::read_credentials(request.header("Authorization"));
  auto who = access_.verify(credentials, address_of(request.remote));
  if (!who) {
    log::warn("a login failed",
              {{"remote", std::string(request.remote)}, {"user", credentials.user}, {"error", who.error().message}});
    return std::unexpected(who.error());
  }
  return authorise(request, *route, std::move(*who));
}

net::Guard::Verdict RequestGuard::check(Request& request, const Route* route, Response& refusal) {
  const auto sender = check_sender(request, route);
  const auto verdict = sender ? examine(request, route) : std::unexpected(sender.error());
  if (verdict) return *verdict;
  refusal = refuse(request, verdict.error());
  return Verdict::kRefuse;
}

std::optional<Response> RequestGuard::verify(Request& request, const Route* route) {
  if (auto proven = prove(request, route); !proven) return refuse(request, proven.error());
  return std::nullopt;
}

// No page can make a browser speak gRPC, so the sender's host and origin say nothing.
net::Guard::Verdict RequestGuard::check_call(Request& request, const Route& route, Error& refusal) {
  const auto verdict = examine(request, &route);
  if (verdict) return *verdict;
  refusal = verdict.error();
  return Verdict::kRefuse;
}

Result<void> RequestGuard::verify_call(Request& request, const Route& route) { return prove(request, &route); }

void RequestGuard::answered(const Request& request, const Route& route, const Response& response) {
  audit(request, route, response.status);
}

void RequestGuard::answered_call(const Request& request, const Route& route, const Error* error) {
  audit(request, route, error == nullptr ? 200 : http_status(error->code));
}

void RequestGuard::audit(const Request& request, const Route& route, int status) {
  if (!is_audited(route.access, status) || request.method == "GET" || request.method == "HEAD") return;
  const auto* who = caller(request);
  auto added = audit_.add({.time = clock_.now(),
                           .who = std::string(request.user),
                           .known_by = who != nullptr ? who->by : "",
                           .remote = std::string(request.remote),
                           .method = std::string(request.method),
                           .route = route.pattern,
                           .resource = std::string(request.path),
                           .status = status});
  if (!added) log::error("the audit log cannot be written", {{"error", added.error().message}});
}

}  // namespace millrace::api
