#include "triggers/trigger_spec.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace millrace::triggers {
namespace {

constexpr char kSchema[] = {
#embed "trigger.schema.json"
};

// The causes that a document can name, by their key in `on`.
struct CauseKey {
  CauseKind kind;
  const char* key;
};
constexpr std::array<CauseKey, 4> kCauseKeys{{{CauseKind::kSchedule, "schedule"},
                                              {CauseKind::kAlert, "alert"},
                                              {CauseKind::kDataset, "dataset"},
                                              {CauseKind::kModel, "model"}}};

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
}

std::string read_name(ObjectReader& reader) {
  std::string name = reader.required_string("name");
  if (!name.empty() && !is_name(name)) reader.fault("name", "a name has letters, digits, \"_\" and \"-\" only");
  return name;
}

void check_subject(ObjectReader& reader, std::string_view key, TriggerSpec& spec) {
  if (spec.cause == CauseKind::kSchedule) {
    auto cron = Cron::parse(spec.subject);
    if (cron)
      spec.cron = *cron;
    else
      reader.fault(key, cron.error().message);
  }
  if (spec.cause == CauseKind::kAlert && std::ranges::count(spec.subject, '.') != 1) {
    reader.fault(key, fmt::format("\"alert\" names a monitor and its alert, like delays_weekly.drift, not \"{}\"",
                                  spec.subject));
  }
}

void read_cause(const Node* node, Diagnostics& diagnostics, TriggerSpec& spec) {
  if (node == nullptr) return;
  ObjectReader reader(*node, diagnostics, "on");
  int given = 0;
  for (const auto& [kind, key] : kCauseKeys) {
    const auto subject = reader.string(key);
    if (!subject) continue;
    ++given;
    spec.cause = kind;
    spec.subject = *subject;
    spec.subject_at = reader.at(key);
    check_subject(reader, key, spec);
  }
  if (given != 1) diagnostics.add(node->at, "on needs exactly one of schedule, alert, dataset, model");
  spec.from = reader.timestamp("from");
  spec.until = reader.timestamp("until");
  if (spec.from && spec.until && *spec.until <= *spec.from) reader.fault("until", "\"until\" must be after \"from\"");
  const auto catch_up = reader.choice("catch_up", {"newest", "all"});
  spec.catch_up = catch_up == "all" ? CatchUp::kAll : CatchUp::kNewest;
  if (catch_up && spec.cause != CauseKind::kSchedule) reader.fault("catch_up", "only a schedule can catch up");
  reader.finish();
}

std::vector<Param> read_params(const Node* node) {
  std::vector<Param> params;
  if (node == nullptr) return params;
  for (const auto& [key, value] : node->members) params.push_back({key.text, dump_json(value.to_json()), value.at});
  return params;
}

Json cause_document(const TriggerSpec& spec) {
  Json json = Json::object();
  for (const auto& [kind, key] : kCauseKeys) {
    if (spec.cause == kind) json[key] = spec.subject;
  }
  if (spec.from) json["from"] = format_time(*spec.from);
  if (spec.until) json["until"] = format_time(*spec.until);
  if (spec.catch_up == CatchUp::kAll) json["catch_up"] = "all";
  return json;
}

Json params_document(const std::vector<Param>& params) {
  Json json = Json::object();
  for (const Param& param : params) json[param.name] = parse_json(param.value).value_or(Json());
  return json;
}

}  // namespace

std::string_view cause_name(CauseKind kind) {
  const auto found = std::ranges::find(kCauseKeys, kind, &CauseKey::kind);
  return found == kCauseKeys.end() ? "manual" : found->key;
}

std::optional<TriggerSpec> parse_trigger(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Trigger");
  if (reader.string("kind") != "Trigger") return std::nullopt;
  TriggerSpec spec{.at = document.at};
  spec.name = read_name(reader);
  spec.description = reader.string("description").value_or("");
  spec.pipeline = reader.required_string("pipeline");
  spec.pipeline_at = reader.at("pipeline");
  read_cause(reader.mapping("on"), diagnostics, spec);
  spec.cooldown = reader.duration("cooldown").value_or(spec.cooldown);
  if (spec.cooldown < Duration{0}) reader.fault("cooldown", "\"cooldown\" must not be negative");
  spec.enabled = reader.boolean("enabled").value_or(true);
  spec.params = read_params(reader.mapping("params"));
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return spec;
}

Json to_document(const TriggerSpec& spec) {
  Json json{{"kind", "Trigger"}, {"name", spec.name}};
  if (!spec.description.empty()) json["description"] = spec.description;
  json["pipeline"] = spec.pipeline;
  if (spec.cause != CauseKind::kManual) json["on"] = cause_document(spec);
  json["cooldown"] = format_duration(spec.cooldown);
  json["enabled"] = spec.enabled;
  json["params"] = params_document(spec.params);
  return json;
}

std::string_view trigger_schema() { return {kSchema, sizeof(kSchema)}; }

}  // namespace millrace::triggers
