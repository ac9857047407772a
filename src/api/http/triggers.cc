#include "triggers/triggers.h"

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "delivery/event_clock.h"

namespace millrace::api {
namespace {

using net::Request;
using triggers::Triggers;

Json time_or_null(const std::optional<Timestamp>& time) { return time ? Json(format_time(*time)) : Json(nullptr); }

Json to_json(const triggers::Firing& firing) {
  return {{"id", firing.id},
          {"trigger", firing.trigger},
          {"key", firing.key},
          {"event_time", format_time(firing.event_time)},
          {"status", triggers::to_text(firing.status)},
          {"reason", firing.reason},
          {"pipeline", firing.pipeline},
          {"params", parse_json(firing.params).value_or(Json::object())},
          {"pipeline_run", firing.run},
          {"error", firing.error}};
}

Json to_json(const triggers::TriggerInfo& info) {
  return {{"name", info.spec.name},
          {"description", info.spec.description},
          {"pipeline", info.spec.pipeline},
          {"cause", triggers::cause_name(info.spec.cause)},
          {"subject", info.spec.subject},
          {"enabled", info.spec.enabled},
          {"cooldown", format_duration(info.spec.cooldown)},
          {"last_fired", time_or_null(info.state.last_fired)},
          {"next", time_or_null(info.next)},
          {"started", info.started}};
}

Result<Json> list_triggers(Triggers& triggers) {
  auto items = Json::array();
  for (const auto& info : TRY(triggers.list_triggers())) items.push_back(to_json(info));
  return page_json(std::move(items), {});
}

Result<Json> fire(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  auto key = body.string("key").value_or(services.ids.next());
  std::map<std::string, std::string> params;
  for (const auto& [name, value] : body.object("params").items()) params[name] = dump_json(value);
  TRY(body.finish());
  return to_json(TRY(services.triggers.fire(std::string(request.param("name")), params, key, services.clock.now())));
}

Result<Json> list_firings(Triggers& triggers, const Request& request, const std::string& trigger) {
  TRY(only_queries(request, {"limit", "after"}));
  if (!trigger.empty()) TRY(triggers.find_trigger(trigger));
  auto page = TRY(page_request(request));
  auto before = page.after.empty() ? 0 : TRY(integer_query(request, "after", 1)).value_or(0);
  auto firings = TRY(triggers.list_firings(trigger, before, page.rows() + 1));
  bool more = firings.size() > static_cast<std::size_t>(page.rows());
  if (more) firings.pop_back();
  auto items = Json::array();
  for (const auto& firing : firings) items.push_back(to_json(firing));
  return page_json(std::move(items), more ? std::to_string(firings.back().id) : "");
}

}  // namespace

void add_trigger_routes(net::Router& router, Services& services) {
  auto& triggers = services.triggers;
  router.add("GET", "/api/v1/triggers", Access::kRead, [&](const Request&) { return answer(list_triggers(triggers)); });
  router.add("GET", "/api/v1/triggers/{name}", Access::kRead, [&](const Request& request) {
    auto info = triggers.find_trigger(std::string(request.param("name")));
    return answer(info, [](const auto& found) { return to_json(found); });
  });
  router.add("POST", "/api/v1/triggers/{name}/fire", Access::kWrite,
             [&](const Request& request) { return answer(fire(services, request), 201); });
  router.add("GET", "/api/v1/triggers/{name}/firings", Access::kRead, [&](const Request& request) {
    return answer(list_firings(triggers, request, std::string(request.param("name"))));
  });
  router.add("GET", "/api/v1/firings", Access::kRead,
             [&](const Request& request) { return answer(list_firings(triggers, request, "")); });
}

}  // namespace millrace::api
