#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "monitoring/monitoring.h"

namespace millrace::api {
namespace {

using monitoring::Monitors;
using net::Request;

Json to_json(const monitoring::MonitorInfo& info) {
  auto document = monitoring::to_document(info.spec);
  document["windows"] = info.windows;
  document["alerts_raised"] = info.alerts;
  document["newest_window"] = info.newest ? monitoring::to_json(*info.newest) : Json(nullptr);
  return document;
}

Result<Json> list_monitors(Monitors& monitors) {
  auto items = Json::array();
  for (const auto& info : TRY(monitors.list_monitors())) items.push_back(to_json(info));
  return page_json(std::move(items), {});
}

Result<Json> list_windows(Monitors& monitors, const Request& request) {
  TRY(only_queries(request, {"limit", "after"}));
  std::string name(request.param("name"));
  TRY(monitors.find_monitor(name));
  auto page = TRY(page_request(request));
  std::optional<Timestamp> before;
  if (!page.after.empty()) before = TRY(parse_time(page.after));
  auto windows = TRY(monitors.list_windows(name, before, page.rows() + 1));
  bool more = windows.size() > static_cast<std::size_t>(page.rows());
  if (more) windows.pop_back();
  auto items = Json::array();
  for (const auto& window : windows) items.push_back(monitoring::to_json(window));
  return page_json(std::move(items), more ? format_time(windows.back().window.start) : "");
}

Result<Json> list_alerts(Monitors& monitors, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "monitor", "alert"}));
  auto page = TRY(page_request(request));
  auto before = page.after.empty() ? 0 : TRY(integer_query(request, "after", 1)).value_or(0);
  monitoring::AlertFilter filter{request.query("monitor").value_or(""), request.query("alert").value_or("")};
  auto alerts = TRY(monitors.list_alerts(filter, before, page.rows() + 1));
  bool more = alerts.size() > static_cast<std::size_t>(page.rows());
  if (more) alerts.pop_back();
  auto items = Json::array();
  for (const auto& alert : alerts) items.push_back(monitoring::to_json(alert));
  return page_json(std::move(items), more ? std::to_string(alerts.back().id) : "");
}

}  // namespace

void add_monitor_routes(net::Router& router, Services& services) {
  auto& monitors = services.monitors;
  router.add("GET", "/api/v1/monitors", Access::kRead, [&](const Request&) { return answer(list_monitors(monitors)); });
  router.add("GET", "/api/v1/monitors/{name}", Access::kRead, [&](const Request& request) {
    auto info = monitors.find_monitor(std::string(request.param("name")));
    return answer(info, [](const auto& found) { return to_json(found); });
  });
  router.add("GET", "/api/v1/monitors/{name}/windows", Access::kRead,
             [&](const Request& request) { return answer(list_windows(monitors, request)); });
  router.add("GET", "/api/v1/alerts", Access::kRead,
             [&](const Request& request) { return answer(list_alerts(monitors, request)); });
}

}  // namespace millrace::api
