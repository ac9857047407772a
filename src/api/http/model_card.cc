#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/http/card_text.h"
#include "api/http/model_folder.h"
#include "api/http/resources.h"
#include "delivery/gates.h"
#include "lineage/graph.h"
#include "lineage/label.h"
#include "lineage/lineage.h"
#include "registry/lineage_source.h"
#include "registry/moves.h"
#include "registry/registry.h"
#include "tracking/logged_models.h"
#include "tracking/tracking.h"

namespace millrace::api {
namespace {

using net::Request;
using registry::ModelVersion;
using Row = std::vector<std::string>;

constexpr std::size_t kMostRows = 100;
constexpr int kMostNodes = 300;

std::string tag_of(const std::vector<registry::Tag>& tags, std::string_view key) {
  const auto found = std::ranges::find(tags, key, &registry::Tag::key);
  return found == tags.end() ? std::string() : found->value;
}

// What the card is made of.
struct CardFacts {
  registry::Model model;
  ModelVersion version;
  std::optional<tracking::Run> run;
  std::optional<tracking::LoggedModel> logged;
  registry::Environment environment;
  lineage::Graph lineage;
  std::optional<delivery::GateRecord> gate;
  std::vector<registry::MoveRequest> requests;
};

Result<CardFacts> facts_of(Services& services, const ModelVersion& version) {
  CardFacts facts{.model = TRY(services.registry.find_model(version.model)), .version = version};
  if (auto run = services.tracking.find_run(version.run_id); !version.run_id.empty() && run)
    facts.run = std::move(*run);
  if (auto logged = services.logged_models.find(version.model_id); !version.model_id.empty() && logged)
    facts.logged = std::move(*logged);
  facts.environment = environment_of(services, version);
  facts.lineage = TRY(services.lineage.walk(registry::node_of_version(version.model, version.version),
                                            lineage::Direction::kBoth, {.nodes = kMostNodes}));
  facts.gate = TRY(services.gates.newest(version.model, version.version));
  for (auto& request : TRY(services.moves.list_requests({.model = version.model}, {.limit = 100})).items) {
    if (request.move.version == version.version) facts.requests.push_back(std::move(request));
  }
  return facts;
}

const lineage::Node* root_of(const CardFacts& facts) {
  const auto root = std::ranges::find(facts.lineage.nodes, facts.lineage.root, &lineage::Node::id);
  return root == facts.lineage.nodes.end() ? nullptr : &*root;
}

// "champion since 2026-01-31T12:00:00Z"
std::string standing(const CardFacts& facts) {
  std::string out;
  const auto* root = root_of(facts);
  if (root == nullptr || !root->data.contains("aliases")) return out;
  for (const auto& [alias, since] : root->data["aliases"].items())
    out += fmt::format("{}{} since {}", out.empty() ? "" : ", ", alias, since.get<std::string>());
  return out;
}

CardSection overview(const CardFacts& facts, const WrittenCard& written) {
  const ModelVersion& version = facts.version;
  CardSection section{.title = "Overview", .table = {.head = {"what", "value"}}};
  const auto add = [&](std::string key, std::string value) {
    if (!value.empty()) section.table.rows.push_back({std::move(key), std::move(value)});
  };
  add("model", version.model);
  add("version", std::to_string(version.version));
  add("registered", format_time(version.creation_time));
  add("by", facts.run ? facts.run->user_id : version.user_id);
  add("aliases", standing(facts));
  if (version.stage != registry::Stage::kNone) add("stage", std::string(to_text(version.stage)));
  add("flavors", fmt::format("{}", fmt::join(version.folder.flavors, ", ")));
  add("pickles, which run code when they are loaded", fmt::format("{}", fmt::join(version.folder.pickles, ", ")));
  const auto licence = tag_of(version.tags, "license");
  add("licence", licence.empty() ? tag_of(facts.model.tags, "license") : licence);
  if (licence.empty() && !written.licence.empty()) add("licence", written.licence);
  add("source", version.source);
  return section;
}

CardSection description(const CardFacts& facts) {
  const auto& text = facts.version.description.empty() ? facts.model.description : facts.version.description;
  return {.title = "Description", .text = safe_markdown(text)};
}

// The nodes of these kinds, as a person reads them.
CardTable nodes_table(const CardFacts& facts, std::initializer_list<std::string_view> kinds, int most_hops) {
  CardTable table{.head = {"kind", "name", "what", "id"}};
  for (const auto& node : facts.lineage.nodes) {
    if (std::ranges::find(kinds, node.kind) == kinds.end() || node.hops > most_hops) continue;
    if (table.rows.size() >= kMostRows) break;
    const auto label = lineage::label_of(node);
    table.rows.push_back({label.kind, label.name, label.detail, node.id});
  }
  return table;
}

// Of a dataset's versions the one that was read stands for those before it.
CardSection data(const CardFacts& facts) {
  CardSection section{.title = "Data", .table = nodes_table(facts, {"dataset"}, lineage::kMaxHops)};
  std::vector<std::string> seen;
  std::erase_if(section.table.rows, [&](const Row& row) {
    const auto name = row[1] + (row[2].starts_with("version ") ? "" : row[2]);
    if (std::ranges::find(seen, name) != seen.end()) return true;
    seen.push_back(name);
    return false;
  });
  return section;
}

CardSection training(const CardFacts& facts) {
  CardSection section{.title = "Training", .table = {.head = {"param", "value"}}};
  if (!facts.run) return section;
  section.text = fmt::format("Run {} ({}), started {}.", plain(facts.run->name), plain(facts.run->id),
                             format_time(facts.run->start_time));
  for (const auto& tag : facts.run->tags) {
    if (tag.value.empty()) continue;
    if (tag.key == "mlflow.source.git.commit" || tag.key == "millrace.commit")
      section.text += fmt::format(" Commit {}.", plain(tag.value));
  }
  for (const auto& param : facts.run->params) {
    if (section.table.rows.size() < kMostRows) section.table.rows.push_back({param.key, param.value});
  }
  return section;
}

// A metric "north/log_loss" is that of the slice "north".
CardSection evaluation(const CardFacts& facts) {
  CardSection section{.title = "Evaluation", .table = {.head = {"metric", "slice", "dataset", "value"}}};
  const auto add = [&](const tracking::Metric& metric) {
    const auto slash = metric.key.rfind('/');
    const bool sliced = slash != std::string::npos;
    Row row{sliced ? metric.key.substr(slash + 1) : metric.key, sliced ? metric.key.substr(0, slash) : "",
            metric.dataset_name, fmt::format("{:.6g}", metric.value)};
    const bool known = std::ranges::find(section.table.rows, row) != section.table.rows.end();
    if (!known && section.table.rows.size() < kMostRows) section.table.rows.push_back(std::move(row));
  };
  if (facts.logged)
    for (const auto& metric : facts.logged->metrics) add(metric.metric);
  else if (facts.run)
    for (const auto& metric : facts.run->metrics) add(metric);
  return section;
}

CardSection features(const CardFacts& facts) {
  CardSection section{.title = "Features", .table = {.head = {"what", "value"}}};
  if (!facts.run) return section;
  for (const auto& [key, name] : {std::pair("millrace.feature_service", "feature service"),
                                  std::pair("millrace.feature_definitions", "definitions")}) {
    const auto found = std::ranges::find(facts.run->tags, key, &tracking::Tag::key);
    if (found != facts.run->tags.end() && !found->value.empty()) section.table.rows.push_back({name, found->value});
  }
  return section;
}

// Columns of {"inputs": [...], "outputs": [...]}; either may be JSON in a string, as MLflow has it.
CardSection signature(const CardFacts& facts) {
  CardSection section{.title = "Signature", .table = {.head = {"side", "column", "type"}}};
  const auto json = parse_json(facts.version.signature);
  if (!json || !json->is_object()) return section;
  for (const auto* side : {"inputs", "outputs"}) {
    auto columns = json->value(side, Json());
    if (columns.is_string()) columns = parse_json(columns.get<std::string>()).value_or(nullptr);
    if (!columns.is_array()) continue;
    for (const auto& column : columns) {
      if (!column.is_object() || section.table.rows.size() >= kMostRows) continue;
      const auto text = [&](const char* key) {
        const auto found = column.find(key);
        if (found == column.end()) return std::string();
        return found->is_string() ? found->get<std::string>() : dump_json(*found);
      };
      section.table.rows.push_back({side, text("name"), text("type")});
    }
  }
  return section;
}

CardSection environment(const CardFacts& facts) {
  CardSection section{.title = "Environment", .table = {.head = {"package"}}};
  if (!facts.environment.python.empty()) section.text = fmt::format("Python {}.", plain(facts.environment.python));
  for (const auto& package : facts.environment.packages) {
    if (section.table.rows.size() < kMostRows) section.table.rows.push_back({package});
  }
  return section;
}

CardSection gate(const CardFacts& facts) {
  CardSection section{.title = "How it was gated", .table = {.head = {"when", "decision", "by", "why"}}};
  if (facts.gate) {
    section.table.rows.push_back({format_time(facts.gate->event_time), facts.gate->passed ? "passed" : "rejected",
                                  "gate on " + facts.gate->metric, facts.gate->reason});
  }
  for (const auto& request : facts.requests) {
    const auto what = fmt::format("{} {}", to_text(request.move.place.kind), request.move.place.name);
    section.table.rows.push_back({format_time(request.requested_time),
                                  fmt::format("request {} for {}: {}", request.id, what, to_text(request.status)),
                                  request.requested_by, request.reason});
    for (const auto& approval : request.approvals)
      section.table.rows.push_back(
          {format_time(approval.time), fmt::format("approved request {}", request.id), approval.who, approval.reason});
  }
  return section;
}

std::vector<CardSection> sections_of(const CardFacts& facts, const WrittenCard& written) {
  const auto told = [&](std::string title, std::string_view tag) {
    const auto own = tag_of(facts.version.tags, tag);
    return CardSection{.title = std::move(title),
                       .text = safe_markdown(own.empty() ? tag_of(facts.model.tags, tag) : own)};
  };
  return {description(facts),
          overview(facts, written),
          data(facts),
          training(facts),
          evaluation(facts),
          features(facts),
          signature(facts),
          environment(facts),
          gate(facts),
          {.title = "Where it serves", .table = nodes_table(facts, {"endpoint"}, 1)},
          told("Limits", "limits"),
          told("Contact", "contact")};
}

// In the folder of the version, model_card.md before README.md.
WrittenCard written_card(Services& services, const ModelVersion& version) {
  auto text = read_model_file(services, version, "model_card.md");
  if (text.empty()) text = read_model_file(services, version, "README.md");
  return read_card(text);
}

Result<std::string> card_of(Services& services, const ModelVersion& version) {
  const auto written = written_card(services, version);
  const auto facts = TRY(facts_of(services, version));
  return card_text(fmt::format("{} version {}", version.model, version.version), sections_of(facts, written), written);
}

Result<ModelVersion> find(registry::Store& registry, const Request& request) {
  const auto text = request.param("version");
  if (text.starts_with('@')) return registry.find_alias(request.param("name"), text.substr(1));
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1)
    return invalid_argument("\"{}\" is not a model version; versions are 1, 2, 3... or @ALIAS", text);
  return registry.find_version(request.param("name"), number);
}

net::Response show(Services& services, const Request& request) {
  const auto version = find(services.registry, request);
  if (!version) return answer(version.error());
  auto card = card_of(services, *version);
  if (!card) return answer(card.error());
  return {
      .content_type = "text/markdown; charset=utf-8",
      .body = std::move(*card),
      .headers = {{"Content-Security-Policy", "default-src 'none'; sandbox"}, {"X-Content-Type-Options", "nosniff"}}};
}

}  // namespace

void add_model_card_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/models/{name}/versions/{version}/card", Access::kRead,
             [&](const Request& request) { return show(services, request); });
}

}  // namespace millrace::api
