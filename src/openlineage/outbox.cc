#include "openlineage/outbox.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "events/event.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "openlineage/message.h"
#include "openlineage/names.h"

namespace millrace::openlineage {

namespace {

constexpr std::string_view kSpec = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
constexpr std::string_view kFacets = "https://openlineage.io/spec/facets";

std::string text_of(const Json& data, std::string_view key) {
  const auto found = data.find(key);
  return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// How a status of Millrace or MLflow is called; "" for one that is no news.
std::string_view type_of(std::string_view status) {
  if (status == "running") return "START";
  if (status == "succeeded" || status == "FINISHED") return "COMPLETE";
  if (status == "failed" || status == "FAILED") return "FAIL";
  if (status == "cancelled" || status == "skipped" || status == "KILLED") return "ABORT";
  return {};
}

}  // namespace

// What one message is about.
struct Outbox::Run {
  std::string id;  // ours
  std::string job;
  Timestamp time;
  std::string parent_id;
  std::string parent_job;
  std::string description;
  std::string error;
  std::vector<lineage::Node> inputs;
  std::vector<lineage::Node> outputs;
};

Json Outbox::facet(std::string_view name, std::string_view version, Json members) const {
  members["_producer"] = parts_.producer;
  members["_schemaURL"] = fmt::format("{}/{}/{}.json#/$defs/{}", kFacets, version, name, name);
  return members;
}

Json Outbox::dataset(const lineage::Node& node) const {
  const DatasetRef ref = name_of(node, parts_.own_namespace);
  Json facets = {{"dataSource", facet("DatasourceDatasetFacet", "1-0-1",
                                      {{"name", ref.name_space}, {"uri", fmt::format("millrace:{}", node.id)}})}};
  if (!ref.version.empty())
    facets["version"] = facet("DatasetVersionDatasetFacet", "1-0-1", {{"datasetVersion", ref.version}});
  if (ref.fields.is_array()) facets["schema"] = facet("SchemaDatasetFacet", "1-1-1", {{"fields", ref.fields}});
  return {{"namespace", ref.name_space}, {"name", ref.name}, {"facets", std::move(facets)}};
}

Json Outbox::message(const Run& run, std::string_view type) const {
  Json run_facets = Json::object();
  if (!run.parent_id.empty()) {
    run_facets["parent"] = facet("ParentRunFacet", "1-1-0",
                                 {{"run", {{"runId", uuid_of(run.parent_id)}}},
                                  {"job", {{"namespace", parts_.own_namespace}, {"name", run.parent_job}}}});
  }
  if (!run.error.empty() && type == "FAIL") {
    run_facets["errorMessage"] =
        facet("ErrorMessageRunFacet", "1-0-1", {{"message", run.error}, {"programmingLanguage", "unknown"}});
  }
  Json job_facets = {
      {"jobType", facet("JobTypeJobFacet", "2-0-3",
                        {{"processingType", "BATCH"}, {"integration", "MILLRACE"}, {"jobType", "JOB"}})}};
  if (!run.description.empty())
    job_facets["documentation"] = facet("DocumentationJobFacet", "1-0-1", {{"description", run.description}});
  Json inputs = Json::array();
  Json outputs = Json::array();
  if (type != "START") {
    for (const auto& node : run.inputs) inputs.push_back(dataset(node));
    for (const auto& node : run.outputs) outputs.push_back(dataset(node));
  }
  return {{"eventType", type},
          {"eventTime", format_time(run.time)},
          {"producer", parts_.producer},
          {"schemaURL", kSpec},
          {"run", {{"runId", uuid_of(run.id)}, {"facets", std::move(run_facets)}}},
          {"job", {{"namespace", parts_.own_namespace}, {"name", run.job}, {"facets", std::move(job_facets)}}},
          {"inputs", std::move(inputs)},
          {"outputs", std::move(outputs)}};
}

// What was done at once, or is only known when it is over, begins and ends.
std::vector<Json> Outbox::started_and(Run run, std::string_view type) const {
  return {message(run, "START"), message(run, type)};
}

// The data one edge before and after a node. A node that is gone has none.
Result<void> Outbox::add_data(Run& run, const std::string& node) const {
  for (const auto direction : {lineage::Direction::kUpstream, lineage::Direction::kDownstream}) {
    const auto graph = parts_.lineage.walk(node, direction, {.depth = 1, .nodes = static_cast<int>(kMostDatasets)});
    if (!graph && graph.error().code == Code::kNotFound) continue;
    for (const auto& near : TRY(graph).nodes) {
      if (near.id == node || name_of(near, parts_.own_namespace).name.empty()) continue;
      (direction == lineage::Direction::kUpstream ? run.inputs : run.outputs).push_back(near);
    }
  }
  return {};
}

Result<std::vector<Json>> Outbox::tell(const events::Event& event) const {
  const Json& data = event.data;
  Run run{.time = event.event_time};
  if (event.type == "dataset.version_created") {
    const auto node = fmt::format("dataset:{}/{}", event.subject, data.value("version", std::int64_t{0}));
    run.id = node;
    run.job = fmt::format("ingest.{}", event.subject);
    const auto graph = parts_.lineage.walk(node, lineage::Direction::kUpstream, {.depth = 0});
    if (graph) run.outputs.push_back(graph->nodes.front());
    return started_and(std::move(run), "COMPLETE");
  }
  if (event.type == "dataset.batch_rejected") {
    run.id = fmt::format("event:{}", event.id);
    run.job = fmt::format("ingest.{}", event.subject);
    run.error = text_of(data, "message");
    return started_and(std::move(run), "FAIL");
  }
  if (event.type == "pipeline_run.started" || event.type == "pipeline_run.finished") {
    run.id = text_of(data, "run");
    run.job = event.subject;
    const auto type = event.type.ends_with("started") ? std::string_view("START") : type_of(text_of(data, "status"));
    return type.empty() ? std::vector<Json>{} : std::vector{message(run, type)};
  }
  if (event.type == "pipeline_run.step") {
    run.parent_id = text_of(data, "run");
    run.parent_job = event.subject;
    const auto node = fmt::format("step:{}/{}", run.parent_id, text_of(data, "step"));
    run.id = node;
    run.job = fmt::format("{}.{}", event.subject, text_of(data, "step"));
    run.error = text_of(data, "error");
    const auto type = type_of(text_of(data, "status"));
    if (type.empty()) return std::vector<Json>{};
    if (type == "COMPLETE") TRY(add_data(run, node));
    return std::vector{message(run, type)};
  }
  if (event.type == "run.finished") {
    run.id = event.subject;
    run.job = fmt::format("experiment.{}", text_of(data, "experiment"));
    run.description = text_of(data, "name");
    TRY(add_data(run, "run:" + event.subject));
    const auto type = type_of(text_of(data, "status"));
    return type.empty() ? std::vector<Json>{} : started_and(std::move(run), type);
  }
  if (event.type == "model_version.registered" && !data.value("prompt", false)) {
    const auto node = fmt::format("model:{}/{}", event.subject, data.value("version", std::int64_t{0}));
    run.id = node;
    run.job = fmt::format("register.{}", event.subject);
    run.parent_id = text_of(data, "run_id");
    if (!run.parent_id.empty()) run.parent_job = "experiment";
    run.description = text_of(data, "description");
    TRY(add_data(run, node));
    run.outputs.clear();
    const auto graph = parts_.lineage.walk(node, lineage::Direction::kUpstream, {.depth = 0});
    if (graph) run.outputs.push_back(graph->nodes.front());
    return started_and(std::move(run), "COMPLETE");
  }
  return std::vector<Json>{};
}

Result<Outbox::Page> Outbox::list(std::int64_t after, int events) const {
  Page page{.next = after, .newest = parts_.events.newest()};
  for (const auto& event : TRY(parts_.events.list(after, events))) {
    page.next = event.id;
    for (Json& message : TRY(tell(event))) page.messages.push_back({event.id, std::move(message)});
  }
  return page;
}

}  // namespace millrace::openlineage
