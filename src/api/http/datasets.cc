#include "datasets/datasets.h"

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "base/hash.h"

namespace millrace::api {
namespace {

using datasets::Datasets;
using net::Request;
using net::Response;

Json time_or_null(const std::optional<Timestamp>& time) { return time ? Json(format_time(*time)) : Json(nullptr); }

Json to_json(const datasets::DatasetInfo& info) {
  auto columns = Json::array();
  for (const auto& column : info.spec.columns)
    columns.push_back(
        {{"name", column.name}, {"type", duck::type_name(column.type)}, {"description", column.description}});
  auto expectations = Json::array();
  for (const auto& expectation : info.spec.expectations)
    expectations.push_back(
        {{"type", expectation.type}, {"kwargs", parse_json(expectation.kwargs).value_or(Json::object())}});
  return {{"name", info.spec.name},
          {"description", info.spec.description},
          {"event_time", info.spec.event_time},
          {"columns", std::move(columns)},
          {"expectations", std::move(expectations)},
          {"version", info.versions},
          {"rows", info.rows},
          {"quarantined", info.quarantined},
          {"content_hash", info.newest_content_hash},
          {"min_event_time", time_or_null(info.min_event_time)},
          {"max_event_time", time_or_null(info.max_event_time)},
          {"log", info.is_log}};
}

Json to_json(const datasets::VersionSummary& version) {
  return {{"version", version.version},
          {"batch_id", version.batch_id},
          {"content_hash", version.content_hash},
          {"rows", version.rows},
          {"quarantined", version.quarantined},
          {"batch_rows", version.batch_rows},
          {"batch_quarantined", version.batch_quarantined},
          {"created_event_time", format_time(version.created_event_time)},
          {"min_event_time", format_time(version.min_event_time)},
          {"max_event_time", format_time(version.max_event_time)}};
}

Json to_json(const datasets::Segment& segment) {
  return {{"uri", segment.uri},
          {"path", segment.path},
          {"sha256", segment.sha256},
          {"rows", segment.rows},
          {"bytes", segment.bytes},
          {"min_event_time", format_time(segment.min_event_time)},
          {"max_event_time", format_time(segment.max_event_time)},
          {"first_version", segment.first_version}};
}

Json to_json(const datasets::Version& version) {
  auto segments = Json::array();
  for (const auto& segment : version.segments) segments.push_back(to_json(segment));
  auto schema = Json::array();
  for (const auto& column : version.schema)
    schema.push_back({{"name", column.name}, {"type", duck::type_name(column.type)}});
  auto parsed = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : parse_json(text).value_or(nullptr);
  };
  return {{"dataset", version.dataset},
          {"version", version.version},
          {"batch_id", version.batch_id},
          {"content_hash", version.content_hash},
          {"rows", version.rows},
          {"quarantined", version.quarantined},
          {"batch_rows", version.batch_rows},
          {"batch_quarantined", version.batch_quarantined},
          {"created_event_time", format_time(version.created_event_time)},
          {"min_event_time", format_time(version.min_event_time)},
          {"max_event_time", format_time(version.max_event_time)},
          {"event_time", version.event_time},
          {"schema", std::move(schema)},
          {"segments", std::move(segments)},
          {"profile", parsed(version.profile)},
          {"batch_profile", parsed(version.batch_profile)},
          {"validation", parsed(version.validation)}};
}

Json to_json(const datasets::IngestResult& result) {
  return {{"dataset", result.dataset},
          {"version", result.version},
          {"rows", result.rows},
          {"quarantined", result.quarantined},
          {"duplicate", result.duplicate},
          {"content_hash", result.content_hash},
          {"validation", result.validation.empty() ? Json(nullptr) : parse_json(result.validation).value_or(nullptr)}};
}

Result<std::optional<std::int64_t>> version_param(const Request& request) {
  auto text = request.param("version");
  if (text == "latest") return std::nullopt;
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1)
    return invalid_argument("\"{}\" is not a version; write a number or \"latest\"", text);
  return number;
}

Result<Json> list(Datasets& datasets) {
  auto items = Json::array();
  for (const auto& info : datasets.list()) items.push_back(to_json(info));
  return page_json(std::move(items), {});
}

Result<datasets::Format> format_of(const Request& request) {
  auto name = request.query("format");
  auto type = request.header("Content-Type");
  auto given = name                                       ? *name
               : type.starts_with("text/csv")             ? "csv"
               : type.starts_with("application/json")     ? "json"
               : type.starts_with("application/x-ndjson") ? "ndjson"
                                                          : "parquet";
  if (auto format = datasets::find_format(given)) return *format;
  return invalid_argument("format \"{}\" is not one of parquet, csv, json, ndjson", given);
}

Result<Json> ingest(Datasets& datasets, const Request& request) {
  TRY(only_queries(request, {"batch_id", "format", "event_time"}));
  auto batch_id = request.query("batch_id").value_or(sha256(request.body).substr(0, 32));
  if (batch_id.empty()) return invalid_argument("\"batch_id\" must not be empty");
  datasets::Batch batch{.batch_id = batch_id, .format = TRY(format_of(request)), .bytes = request.body};
  if (request.body.empty()) return invalid_argument("the batch is empty: the body has no bytes");
  if (auto time = request.query("event_time")) batch.event_time = TRY(parse_time(*time));
  return to_json(TRY(datasets.ingest(request.param("name"), batch)));
}

Result<Json> push(Datasets& datasets, const Request& request) {
  TRY(only_queries(request, {"push_id"}));
  auto push_id = request.query("push_id").value_or(sha256(request.body).substr(0, 32));
  auto result = TRY(datasets.push_json(request.param("name"), request.body, push_id));
  return Json{{"rows", result.rows},
              {"quarantined", result.quarantined},
              {"covered", result.covered},
              {"duplicate", result.duplicate}};
}

Result<Json> list_versions(Datasets& datasets, const Request& request) {
  TRY(only_queries(request, {"limit", "after"}));
  auto page = TRY(page_request(request));
  std::optional<std::int64_t> before;
  if (!page.after.empty()) before = TRY(integer_query(request, "after", 1));
  TRY(datasets.find(request.param("name")));
  auto versions = TRY(datasets.list_versions(request.param("name"), before, page.rows() + 1));
  bool more = versions.size() > static_cast<std::size_t>(page.rows());
  if (more) versions.pop_back();
  auto items = Json::array();
  for (const auto& version : versions) items.push_back(to_json(version));
  return page_json(std::move(items), more ? std::to_string(versions.back().version) : "");
}

Result<Json> list_quarantined(Datasets& datasets, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "version"}));
  auto page = TRY(page_request(request));
  auto version = TRY(integer_query(request, "version", 1));
  auto offset = page.after.empty() ? 0 : TRY(integer_query(request, "after", 1)).value_or(0);
  auto rows = TRY(datasets.list_quarantined(request.param("name"), version, offset, page.rows()));
  auto items = Json::array();
  for (const auto& row : rows.items)
    items.push_back({{"version", row.version},
                     {"batch_id", row.batch_id},
                     {"reason", row.reason},
                     {"row", parse_json(row.row).value_or(nullptr)}});
  return page_json(std::move(items), rows.next ? std::to_string(*rows.next) : "");
}

}  // namespace

void add_dataset_routes(net::Router& router, Services& services) {
  auto& datasets = services.datasets;
  router.add("GET", "/api/v1/datasets", Access::kRead, [&](const Request&) { return answer(list(datasets)); });
  router.add("GET", "/api/v1/datasets/{name}", Access::kRead, [&](const Request& request) {
    return answer(datasets.find(request.param("name")), [](const auto& info) { return to_json(info); });
  });
  router.add(
      "POST", "/api/v1/datasets/{name}/batches", Access::kWrite,
      [&](const Request& request) { return answer(ingest(datasets, request), 201); }, net::Lane::kBlocking,
      std::size_t{1} << 30);
  router.add("POST", "/api/v1/datasets/{name}/push", Access::kRecord,
             [&](const Request& request) { return answer(push(datasets, request)); });
  router.add("GET", "/api/v1/datasets/{name}/versions", Access::kRead,
             [&](const Request& request) { return answer(list_versions(datasets, request)); });
  router.add(
      "GET", "/api/v1/datasets/{name}/versions/{version}", Access::kRead, [&](const Request& request) -> Response {
        auto number = version_param(request);
        if (!number) return answer(number.error());
        return answer(datasets.version(request.param("name"), *number), [](const auto& v) { return to_json(v); });
      });
  router.add("GET", "/api/v1/datasets/{name}/quarantine", Access::kRead,
             [&](const Request& request) { return answer(list_quarantined(datasets, request)); });
}

}  // namespace millrace::api
