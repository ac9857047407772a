#include "features/spec.h"

#include <algorithm>
#include <array>
#include <set>

namespace millrace::features {
namespace {

constexpr char kViewSchema[] = {
#embed "feature_view.schema.json"
};
constexpr char kServiceSchema[] = {
#embed "feature_service.schema.json"
};

constexpr std::array<std::string_view, 7> kAggregateNames = {"newest", "count", "sum", "mean", "min", "max", "stddev"};
constexpr std::array kInputTypes = {sql::Type::kBoolean, sql::Type::kBigint, sql::Type::kDouble, sql::Type::kVarchar,
                                    sql::Type::kTimestamp};

bool is_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string read_name(ObjectReader& reader) {
  std::string name = reader.required_string("name");
  if (!name.empty() && !is_name(name))
    reader.fault("name",
                 fmt::format("name \"{}\" must be letters, digits and underscores and not begin with a digit", name));
  return name;
}

std::optional<Duration> read_length(ObjectReader& reader, std::string_view key) {
  constexpr Duration kLongest = std::chrono::days(36'525);
  const auto length = reader.duration(key);
  if (!length || (length->count() > 0 && *length <= kLongest)) return length;
  reader.fault(key, fmt::format("\"{}\" must be longer than nothing and shorter than a century", key));
  return std::nullopt;
}

// A list of names (or one), each with its position.
std::vector<Reference> read_references(ObjectReader& reader, std::string_view key) {
  std::vector<Reference> references;
  const Node* node = reader.any(key);
  if (!node) return references;
  if (node->kind == Node::Kind::kScalar) return {{node->text, node->at}};
  if (node->kind != Node::Kind::kSequence) reader.fault(key, fmt::format("\"{}\" must be a list of names", key));
  for (const Node& item : node->items) {
    if (item.kind == Node::Kind::kScalar)
      references.push_back({item.text, item.at});
    else
      reader.fault(key, fmt::format("\"{}\" must be a list of names", key));
  }
  return references;
}

// Where the first character of a scalar's text stands; inside of quotes it is one further.
Position text_position(const Node& node) {
  Position at = node.at;
  if (node.quoted) ++at.column;
  return at;
}

FeatureSpec parse_feature(const Node& node, Diagnostics& diagnostics) {
  static const std::vector<std::string> kAggregates = {kAggregateNames.begin() + 1, kAggregateNames.end()};
  ObjectReader reader(node, diagnostics, "a feature");
  FeatureSpec feature;
  feature.at = node.at;
  feature.name = read_name(reader);
  feature.description = reader.string("description").value_or("");
  feature.sql = reader.required_string("sql");
  if (const Node* sql = node.find("sql")) feature.sql_at = text_position(*sql);
  const auto aggregate = reader.choice("aggregate", kAggregates);
  if (aggregate)
    feature.aggregate =
        static_cast<Aggregate>(std::ranges::find(kAggregateNames, *aggregate) - kAggregateNames.begin());
  const auto window = read_length(reader, "window");
  feature.window = window.value_or(Duration{0});
  if (aggregate && !node.find("window"))
    reader.fault("aggregate", fmt::format("aggregate {} needs a window, such as 3h", *aggregate));
  if (window && !node.find("aggregate")) reader.fault("window", "a window needs an aggregate");
  reader.finish();
  return feature;
}

InputSpec parse_input(const Node& node, Diagnostics& diagnostics) {
  static const std::vector<std::string> kTypes = [] {
    std::vector<std::string> names;
    for (const sql::Type type : kInputTypes) names.emplace_back(sql::type_name(type));
    return names;
  }();
  ObjectReader reader(node, diagnostics, "an input");
  InputSpec input;
  input.at = node.at;
  input.name = read_name(reader);
  if (input.name == "event_time") reader.fault("name", "event_time is the request's moment and need not be declared");
  reader.string("description");
  if (!node.find("type")) reader.fault("type", "an input needs the key \"type\"");
  if (const auto type = reader.choice("type", kTypes))
    input.type = kInputTypes[std::ranges::find(kTypes, *type) - kTypes.begin()];
  reader.finish();
  return input;
}

void check_feature_names(const FeatureViewSpec& view, Diagnostics& diagnostics) {
  std::set<std::string_view> seen;
  for (const FeatureSpec& feature : view.features)
    if (!seen.insert(feature.name).second)
      diagnostics.add(feature.at, fmt::format("feature {} is defined twice", feature.name));
}

// What only a view over a dataset can have, or only one over the request.
void check_source(const FeatureViewSpec& view, const Node& document, ObjectReader& reader) {
  for (const std::string_view key : {"entities", "event_time", "where", "ttl"})
    if (view.from_request() && document.find(key))
      reader.fault(key, fmt::format("a view over the request has no {}", key));
  if (!view.from_request() && document.find("inputs"))
    reader.fault("inputs", "only a view over the request has inputs (source: request)");
  for (const FeatureSpec& feature : view.features)
    if (view.from_request() && feature.aggregate != Aggregate::kNewest)
      reader.fault("features",
                   fmt::format("feature {} cannot have an aggregate: its view is over the request", feature.name));
}

Position find_position(const Node& document, std::string_view key) {
  const Node* node = document.find(key);
  return node ? text_position(*node) : document.at;
}

FeatureReference parse_feature_reference(const Reference& text, Diagnostics& diagnostics) {
  const std::size_t colon = text.name.find(':');
  FeatureReference reference{{text.name.substr(0, colon), text.at}, ""};
  if (colon != std::string::npos) reference.feature = text.name.substr(colon + 1);
  if (!is_name(reference.view.name) || (colon != std::string::npos && !is_name(reference.feature)))
    diagnostics.add(text.at, fmt::format("\"{}\" must be a feature view, or VIEW:FEATURE", text.name));
  return reference;
}

}  // namespace

std::string_view aggregate_name(Aggregate aggregate) { return kAggregateNames[static_cast<std::size_t>(aggregate)]; }

std::optional<FeatureViewSpec> parse_feature_view(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "FeatureView");
  FeatureViewSpec view;
  view.at = document.at;
  reader.string("kind");
  view.name = read_name(reader);
  view.description = reader.string("description").value_or("");
  view.entities = read_references(reader, "entities");
  view.source = {reader.required_string("source"), reader.at("source")};
  if (auto event_time = reader.string("event_time")) view.event_time = {*event_time, reader.at("event_time")};
  view.where = reader.string("where").value_or("");
  view.where_at = find_position(document, "where");
  view.ttl = read_length(reader, "ttl");
  if (const auto* inputs = reader.list("inputs"))
    for (const Node& node : *inputs) view.inputs.push_back(parse_input(node, diagnostics));
  const auto* features = reader.list("features");
  if (!document.find("features") || (features && features->empty()))
    reader.fault("features", "FeatureView needs at least one feature under \"features\"");
  if (features)
    for (const Node& node : *features) view.features.push_back(parse_feature(node, diagnostics));
  check_feature_names(view, diagnostics);
  check_source(view, document, reader);
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return view;
}

std::optional<FeatureServiceSpec> parse_feature_service(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "FeatureService");
  FeatureServiceSpec service;
  service.at = document.at;
  reader.string("kind");
  service.name = read_name(reader);
  service.description = reader.string("description").value_or("");
  const auto references = read_references(reader, "features");
  if (references.empty()) reader.fault("features", "FeatureService needs at least one feature view under \"features\"");
  for (const Reference& text : references) service.features.push_back(parse_feature_reference(text, diagnostics));
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return service;
}

std::string_view feature_view_schema() { return {kViewSchema, sizeof(kViewSchema)}; }
std::string_view feature_service_schema() { return {kServiceSchema, sizeof(kServiceSchema)}; }

}  // namespace millrace::features
