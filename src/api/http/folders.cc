#include "tracking/folders.h"

#include <nlohmann/json.hpp>

#include "api/http/housekeeping.h"
#include "api/http/resources.h"
#include "api/http/tracking_json.h"
#include "delivery/event_clock.h"
#include "tracking/tracking.h"

namespace millrace::api {
namespace {

using net::Request;

tracking::Folders folders(Services& services) { return {services.db, services.clock}; }

Result<Json> list_folder(Services& services, const Request& request) {
  TRY(only_queries(request, {"path"}));
  const auto contents = TRY(folders(services).list(request.query("path").value_or("")));
  auto below = Json::array();
  for (const auto& folder : contents.folders)
    below.push_back({{"path", folder.path}, {"experiments", folder.experiments}});
  auto experiments = Json::array();
  for (const auto& experiment : contents.experiments) experiments.push_back(to_json(experiment));
  auto tags = Json::object();
  for (const auto& tag : contents.tags) tags[tag.key] = tag.value;
  return Json{{"folders", std::move(below)}, {"experiments", std::move(experiments)}, {"tags", std::move(tags)}};
}

Result<Json> move_folder(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto from = body.required_string("from");
  const auto to = body.required_string("to");
  TRY(body.finish());
  return Json{{"experiments", TRY(folders(services).move(from, to))}};
}

Result<Json> set_folder_tag(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto path = body.string("path");
  const tracking::Tag tag{body.required_string("key"), body.required_string("value")};
  TRY(body.finish());
  if (!path) return invalid_argument("\"path\" is missing; that of the folder of all is \"\"");
  TRY(may_set_tag(request, tag.key));
  TRY(folders(services).set_tag(*path, tag));
  return Json{{"path", *path}, {"key", tag.key}, {"value", tag.value}};
}

Result<Json> delete_folder_tag(Services& services, const Request& request) {
  TRY(only_queries(request, {"path", "key"}));
  const auto path = request.query("path").value_or("");
  const auto key = request.query("key").value_or("");
  TRY(may_set_tag(request, key));
  TRY(folders(services).delete_tag(path, key));
  return Json{{"path", path}, {"key", key}};
}

Result<std::string> target_experiment(const Request& request) {
  auto body = TRY(Body::parse(request.body));
  auto id = body.required_string("experiment_id");
  TRY(body.finish());
  return id;
}

Result<Json> move_run(Services& services, const Request& request) {
  const auto id = request.param("id");
  TRY(housekeeping(services).move_run(id, TRY(target_experiment(request))));
  return to_json(TRY(services.tracking.find_run(id)));
}

Result<Json> copy_run(Services& services, const Request& request) {
  const auto copy = TRY(housekeeping(services).copy_run(request.param("id"), TRY(target_experiment(request))));
  return to_json(TRY(services.tracking.find_run(copy)));
}

Result<Json> erase(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto age = TRY(parse_duration(body.required_string("deleted_longer_than")));
  TRY(body.finish());
  if (age < Duration::zero()) return invalid_argument("deleted_longer_than is less than nothing");
  const auto erased = TRY(housekeeping(services).erase(age));
  return Json{{"runs", erased.runs}, {"experiments", erased.experiments}, {"needed", erased.needed}};
}

Json to_json(const tracking::RetentionItem& item) {
  return {{"kind", item.kind},          {"id", item.id},        {"name", item.name}, {"experiment", item.experiment},
          {"fate", to_text(item.fate)}, {"reason", item.reason}};
}

Result<Json> retention_answer(Result<std::vector<tracking::RetentionItem>> found) {
  auto items = Json::array();
  for (const auto& item : TRY(std::move(found))) items.push_back(to_json(item));
  return Json{{"items", std::move(items)}};
}

Result<Json> plan_retention(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return retention_answer(retention(services).plan());
}

Result<Json> apply_retention(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return retention_answer(retention(services).apply());
}

}  // namespace

void add_folder_routes(net::Router& router, Services& services) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, auto handler, int status = 200) {
    router.add(method, path, access, [&services, handler, status](const Request& request) {
      return answer(handler(services, request), status);
    });
  };
  add("GET", "/api/v1/folders", Access::kRead, list_folder);
  add("POST", "/api/v1/folders/move", Access::kWrite, move_folder);
  add("PUT", "/api/v1/folders/tags", Access::kWrite, set_folder_tag);
  add("DELETE", "/api/v1/folders/tags", Access::kWrite, delete_folder_tag);
  add("POST", "/api/v1/runs/{id}/move", Access::kWrite, move_run);
  add("POST", "/api/v1/runs/{id}/copy", Access::kWrite, copy_run, 201);
  add("POST", "/api/v1/erase", Access::kAdmin, erase);
  add("GET", "/api/v1/retention", Access::kRead, plan_retention);
  add("POST", "/api/v1/retention", Access::kAdmin, apply_retention);
}

}  // namespace millrace::api
