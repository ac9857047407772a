#include "delivery/gates.h"

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "delivery/event_clock.h"

namespace millrace::api {
namespace {

using delivery::GateRecord;
using delivery::Gates;
using net::Request;

Json to_json(const GateRecord& gate) {
  return {{"id", gate.id},
          {"model", gate.model},
          {"version", gate.version},
          {"champion_version", gate.champion_version ? Json(*gate.champion_version) : Json(nullptr)},
          {"pipeline_run", gate.pipeline_run},
          {"metric", gate.metric},
          {"challenger", gate.challenger},
          {"champion", gate.champion ? Json(*gate.champion) : Json(nullptr)},
          {"margin", gate.margin},
          {"rows", gate.rows},
          {"passed", gate.passed},
          {"reason", gate.reason},
          {"evidence", parse_json(gate.evidence).value_or(nullptr)},
          {"event_time", format_time(gate.event_time)}};
}

Result<Json> record(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  GateRecord gate{.key = body.required_string("key"),
                  .model = body.required_string("model"),
                  .version = body.integer("version").value_or(0),
                  .champion_version = body.integer("champion_version"),
                  .pipeline_run = body.string("pipeline_run").value_or(""),
                  .metric = body.required_string("metric"),
                  .challenger = body.number("challenger").value_or(std::numeric_limits<double>::quiet_NaN()),
                  .champion = body.number("champion"),
                  .margin = body.number("margin").value_or(0),
                  .rows = body.integer("rows").value_or(0),
                  .passed = body.boolean("passed").value_or(false),
                  .reason = body.required_string("reason"),
                  .evidence = dump_json(body.object("evidence")),
                  .event_time = body.time("event_time").value_or(services.clock.now())};
  TRY(body.finish());
  if (std::isnan(gate.challenger)) return invalid_argument("\"challenger\" must be a number");
  return to_json(TRY(services.gates.record(gate)));
}

Result<Json> list(Gates& gates, const Request& request) {
  TRY(only_queries(request, {"limit", "after"}));
  auto page = TRY(page_request(request));
  auto before = page.after.empty() ? 0 : TRY(integer_query(request, "after", 1)).value_or(0);
  auto records = TRY(gates.list(before, page.rows() + 1));
  bool more = records.size() > static_cast<std::size_t>(page.rows());
  if (more) records.pop_back();
  auto items = Json::array();
  for (const auto& gate : records) items.push_back(to_json(gate));
  return page_json(std::move(items), more ? std::to_string(records.back().id) : "");
}

}  // namespace

void add_gate_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/gates", Access::kRead,
             [&](const Request& request) { return answer(list(services.gates, request)); });
  router.add("POST", "/api/v1/gates", Access::kDeploy,
             [&](const Request& request) { return answer(record(services, request), 201); });
}

}  // namespace millrace::api
