#include "events/events.h"

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "events/event.h"

namespace millrace::api {
namespace {

using net::Request;

Json to_json(const events::Event& event) {
  return {{"id", event.id},
          {"type", event.type},
          {"subject", event.subject},
          {"event_time", format_time(event.event_time)},
          {"who", event.who.empty() ? Json(nullptr) : Json(event.who)},
          {"data", event.data}};
}

// Oldest first; ?after=ID goes on behind an event.
Result<Json> list(events::Log& log, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "type", "subject"}));
  auto page = TRY(page_request(request));
  auto after = page.after.empty() ? 0 : TRY(integer_query(request, "after", 1)).value_or(0);
  events::Filter filter{request.query("type").value_or(""), request.query("subject").value_or("")};
  auto found = TRY(log.list(after, page.rows() + 1, filter));
  bool more = found.size() > static_cast<std::size_t>(page.rows());
  if (more) found.pop_back();
  auto items = Json::array();
  for (const auto& event : found) items.push_back(to_json(event));
  return page_json(std::move(items), more ? std::to_string(found.back().id) : "");
}

}  // namespace

void add_event_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/events", Access::kRead,
             [&](const Request& request) { return answer(list(services.events, request)); });
}

}  // namespace millrace::api
