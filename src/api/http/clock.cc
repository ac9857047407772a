#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "delivery/event_clock.h"

namespace millrace::api {
namespace {

using net::Request;

constexpr Duration kLongestWait = std::chrono::seconds(10);

Result<Json> state(Services& services) {
  return Json{{"mode", delivery::to_text(services.clock.mode())},
              {"now", format_time(services.clock.now())},
              {"settled", TRY(services.conductor.settled())}};
}

// {"now": T, "wait": true}: moves the clock to T; with `wait`, answers when all that follows from it is done, or after
// ten seconds with "settled": false, to be asked again.
Result<Json> advance(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  auto time = body.required_time("now");
  auto wait = body.boolean("wait").value_or(false);
  TRY(body.finish());
  TRY(services.conductor.advance(time));
  if (wait) TRY(services.conductor.wait_settled(kLongestWait));
  return state(services);
}

}  // namespace

void add_clock_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/clock", Access::kRead, [&](const Request&) { return answer(state(services)); });
  router.add("PUT", "/api/v1/clock", Access::kDeploy,
             [&](const Request& request) { return answer(advance(services, request)); });
}

}  // namespace millrace::api
