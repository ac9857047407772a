#include "registry/moves.h"

#include <nlohmann/json.hpp>

#include "access/decide.h"
#include "api/http/guard.h"
#include "api/http/resources.h"
#include "base/actor.h"

namespace millrace::api {
namespace {

using net::Request;
using registry::MoveRequest;
using registry::Moves;
using registry::Person;
using registry::Place;
using registry::Rule;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const Rule& rule) {
  return {{"model", rule.model},
          {"kind", to_text(rule.place.kind)},
          {"place", rule.place.name},
          {"gate", rule.gate == registry::Gate::kMustPass},
          {"approvals", rule.approvals},
          {"role", rule.role},
          {"set_by", text_or_null(rule.set_by)},
          {"set_time", format_time(rule.set_time)}};
}

Json to_json(const MoveRequest& request) {
  auto approvals = Json::array();
  for (const auto& approval : request.approvals)
    approvals.push_back({{"who", approval.who}, {"reason", approval.reason}, {"time", format_time(approval.time)}});
  return {{"id", request.id},
          {"model", request.move.model},
          {"version", request.move.version},
          {"kind", to_text(request.move.place.kind)},
          {"place", request.move.place.name},
          {"status", to_text(request.status)},
          {"missing", text_or_null(request.missing)},
          {"requested_by", text_or_null(request.requested_by)},
          {"reason", request.reason},
          {"pipeline_run", text_or_null(request.pipeline_run)},
          {"requested_time", format_time(request.requested_time)},
          {"approvals", std::move(approvals)},
          {"closed_by", text_or_null(request.closed_by)},
          {"closed_reason", request.closed_reason},
          {"closed_time", request.closed_time ? Json(format_time(*request.closed_time)) : Json(nullptr)}};
}

// A step of a pipeline has a role, and is no person.
Person person(const Request& request) {
  return {.name = std::string(request.user), .has_role = [who = request.principal](std::string_view role) {
            const auto* principal = static_cast<const access::Principal*>(who.get());
            if (principal == nullptr || principal->by == "step") return false;
            const auto action = role == "admin" ? access::Action::kAdminister : access::Action::kDeploy;
            return access::decide(principal, action).allowed;
          }};
}

Result<Place> place_of(const Request& request) {
  Place place{.name = std::string(request.param("place"))};
  if (!registry::from_text(request.param("kind"), place.kind))
    return invalid_argument("\"{}\" is none of alias, stage", request.param("kind"));
  return place;
}

Result<std::int64_t> number_of(const Request& request) {
  const auto text = request.param("id");
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1)
    return invalid_argument("\"{}\" is not the number of a request", text);
  return number;
}

Result<Json> set_rule(Moves& moves, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  Rule rule{.model = std::string(request.param("name")),
            .place = TRY(place_of(request)),
            .gate = body.boolean("gate").value_or(false) ? registry::Gate::kMustPass : registry::Gate::kNotNeeded,
            .role = body.string("role").value_or("deployer")};
  const auto approvals = body.integer("approvals").value_or(0);
  TRY(body.finish());
  if (approvals < 0 || approvals > 1000)
    return invalid_argument("a rule asks for 0 to 20 approvals, not {}", approvals);
  rule.approvals = static_cast<int>(approvals);
  return to_json(TRY(moves.set_rule(rule)));
}

Result<Json> delete_rule(Moves& moves, const Request& request) {
  TRY(moves.delete_rule(request.param("name"), TRY(place_of(request))));
  return Json::object();
}

Result<Json> list_rules(Moves& moves, const Request& request) {
  auto items = Json::array();
  for (const auto& rule : TRY(moves.list_rules(request.param("name")))) items.push_back(to_json(rule));
  return page_json(std::move(items), {});
}

Result<Json> ask(Moves& moves, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto alias = body.string("alias");
  const auto stage = body.string("stage");
  registry::NewRequest asked{
      .move = {.model = std::string(request.param("name")), .version = body.integer("version").value_or(0)},
      .reason = body.string("reason").value_or(""),
      .pipeline_run = body.string("pipeline_run").value_or("")};
  TRY(body.finish());
  if (alias.has_value() == stage.has_value()) return invalid_argument("give one of \"alias\" and \"stage\"");
  if (asked.move.version < 1) return invalid_argument("\"version\" must be a whole number of at least 1");
  asked.move.place = alias ? Place{registry::PlaceKind::kAlias, *alias} : Place{registry::PlaceKind::kStage, *stage};
  return to_json(TRY(moves.request(asked)));
}

using Decide = Result<MoveRequest> (Moves::*)(std::int64_t, const Person&, std::string_view);

Result<Json> decide(Moves& moves, Decide verb, const Request& request) {
  const auto id = TRY(number_of(request));
  auto body = TRY(Body::parse(request.body));
  const auto reason = body.string("reason").value_or("");
  TRY(body.finish());
  return to_json(TRY((moves.*verb)(id, person(request), reason)));
}

Result<Json> find(Moves& moves, const Request& request) {
  return to_json(TRY(moves.find_request(TRY(number_of(request)))));
}

Result<Json> list(Moves& moves, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "model", "status"}));
  registry::RequestFilter filter{.model = request.query("model").value_or("")};
  if (const auto text = request.query("status")) {
    filter.status.emplace();
    if (!registry::from_text(*text, *filter.status))
      return invalid_argument("status \"{}\" is none of pending, applied, rejected, withdrawn, cancelled", *text);
  }
  TRY(integer_query(request, "after", 1));
  const auto page = TRY(moves.list_requests(filter, TRY(page_request(request))));
  auto items = Json::array();
  for (const auto& item : page.items) items.push_back(to_json(item));
  return page_json(std::move(items), page.next);
}

}  // namespace

void add_move_routes(net::Router& router, Services& services) {
  auto& moves = services.moves;
  router.add("GET", "/api/v1/models/{name}/rules", Access::kRead,
             [&](const Request& request) { return answer(list_rules(moves, request)); });
  router.add("PUT", "/api/v1/models/{name}/rules/{kind}/{place}", Access::kAdmin,
             [&](const Request& request) { return answer(set_rule(moves, request)); });
  router.add("DELETE", "/api/v1/models/{name}/rules/{kind}/{place}", Access::kAdmin,
             [&](const Request& request) { return answer(delete_rule(moves, request)); });
  router.add("POST", "/api/v1/models/{name}/requests", Access::kWrite,
             [&](const Request& request) { return answer(ask(moves, request), 201); });
  router.add("GET", "/api/v1/model-requests", Access::kRead,
             [&](const Request& request) { return answer(list(moves, request)); });
  router.add("GET", "/api/v1/model-requests/{id}", Access::kRead,
             [&](const Request& request) { return answer(find(moves, request)); });
  router.add("POST", "/api/v1/model-requests/{id}/approve", Access::kDeploy,
             [&](const Request& request) { return answer(decide(moves, &Moves::approve, request)); });
  router.add("POST", "/api/v1/model-requests/{id}/reject", Access::kDeploy,
             [&](const Request& request) { return answer(decide(moves, &Moves::reject, request)); });
  router.add("POST", "/api/v1/model-requests/{id}/withdraw", Access::kWrite,
             [&](const Request& request) { return answer(decide(moves, &Moves::withdraw, request)); });
}

}  // namespace millrace::api
