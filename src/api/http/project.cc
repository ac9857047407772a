#include "delivery/project.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "base/base64.h"

namespace millrace::api {
namespace {

using delivery::Project;
using net::Request;
using net::Response;

Json to_json(const delivery::Release& release) {
  return {{"number", release.number},
          {"project", release.project},
          {"commit", release.commit},
          {"dirty", release.dirty},
          {"content_hash", release.content_hash},
          {"event_time", format_time(release.event_time)}};
}

Json to_json(const Diagnostic& diagnostic) {
  return {{"file", diagnostic.at.file},
          {"line", diagnostic.at.line},
          {"column", diagnostic.at.column},
          {"message", diagnostic.message}};
}

Json to_json(const delivery::ApplyResult& result, bool dry_run) {
  auto changes = Json::array();
  for (const auto& change : result.changes)
    changes.push_back({{"change", delivery::to_text(change.kind)},
                       {"kind", change.document_kind},
                       {"name", change.name},
                       {"diff", change.diff},
                       {"note", change.note}});
  return {{"project", result.project},
          {"release", result.release},
          {"changed", result.changed},
          {"dry_run", dry_run},
          {"changes", std::move(changes)}};
}

Result<delivery::ApplyRequest> apply_request(const Request& request) {
  auto body = TRY(Body::parse(request.body));
  delivery::ApplyRequest out{.files = {},
                             .commit = body.string("commit").value_or(""),
                             .dirty = body.boolean("dirty").value_or(false),
                             .dry_run = body.boolean("dry_run").value_or(false)};
  for (const auto& item : body.array("files")) {
    Body file(item, "files[].");
    auto path = file.required_string("path");
    auto text = file.string("text").value_or("");
    const auto base64 = file.string("base64");
    TRY(file.finish());
    if (base64) {
      auto bytes = base64_decode(*base64);
      if (!bytes || !text.empty()) return invalid_argument("file {} needs either \"text\" or valid \"base64\"", path);
      text = std::move(*bytes);
    }
    out.files.push_back({path, std::move(text)});
  }
  TRY(body.finish());
  return out;
}

// Faults in the documents are a 422 with all of them, each with its position.
Response faulty(const Diagnostics& diagnostics) {
  auto list = Json::array();
  for (const auto& diagnostic : diagnostics.list) list.push_back(to_json(diagnostic));
  auto message =
      fmt::format("{} fault{} in the project; nothing was applied", list.size(), list.size() == 1 ? "" : "s");
  return answer(Json{{"error", {{"code", code_name(Code::kInvalidArgument)}, {"message", message}}},
                     {"diagnostics", std::move(list)}},
                422);
}

Response apply(Project& project, const Request& request) {
  auto parsed = apply_request(request);
  if (!parsed) return answer(parsed.error());
  Diagnostics diagnostics;
  auto result = project.apply(*parsed, diagnostics);
  if (!result) return answer(result.error());
  if (!diagnostics.empty()) return faulty(diagnostics);
  return answer(to_json(*result, parsed->dry_run));
}

Result<Json> files(Project& project) {
  auto items = Json::array();
  for (const auto& file : TRY(project.files())) {
    const bool text = simdjson::validate_utf8(file.text);
    items.push_back({{"path", file.path}, {text ? "text" : "base64", text ? file.text : base64_encode(file.text)}});
  }
  return Json{{"files", std::move(items)}};
}

Result<Json> releases(Project& project) {
  auto items = Json::array();
  for (const auto& release : TRY(project.list())) items.push_back(to_json(release));
  return page_json(std::move(items), {});
}

Json documents(Project& project) {
  auto items = Json::array();
  for (const auto& document : project.documents())
    items.push_back({{"kind", document.kind},
                     {"name", document.name},
                     {"file", document.at.file},
                     {"line", document.at.line},
                     {"document", parse_json(document.json).value_or(nullptr)}});
  return page_json(std::move(items), {});
}

Result<Json> schema(std::string_view kind) {
  std::vector<std::string> names;
  for (const auto& known : delivery::kind_schemas()) {
    if (known.kind == kind) return parse_json(known.schema.substr(0, known.schema.find('\0')));
    names.emplace_back(known.kind);
  }
  return not_found("there is no kind \"{}\"; kinds are {}", kind, fmt::join(names, ", "));
}

}  // namespace

void add_project_routes(net::Router& router, Services& services) {
  auto& project = services.project;
  router.add("GET", "/api/v1/project", Access::kRead, [&](const Request&) {
    return answer(project.current(), [](const auto& release) { return to_json(release); });
  });
  router.add("PUT", "/api/v1/project", Access::kDeploy,
             [&](const Request& request) { return apply(project, request); });
  router.add("GET", "/api/v1/project/files", Access::kRead, [&](const Request&) { return answer(files(project)); });
  router.add("GET", "/api/v1/project/releases", Access::kRead,
             [&](const Request&) { return answer(releases(project)); });
  router.add("GET", "/api/v1/project/documents", Access::kRead,
             [&](const Request&) { return answer(documents(project)); });
  router.add("GET", "/api/v1/schemas/{kind}", Access::kPublic,
             [](const Request& request) { return answer(schema(request.param("kind"))); });
}

}  // namespace millrace::api
