#include "serving/route_spec.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sql/sql.h"

namespace millrace::serving {
namespace {

std::string_view key_of(StickySpec::Source source) {
  switch (source) {
    case StickySpec::Source::kInput:
      return "input";
    case StickySpec::Source::kParameter:
      return "parameter";
    case StickySpec::Source::kHeader:
      return "header";
  }
  return "";
}

std::string_view key_of(OverrideSpec::Source source) {
  return source == OverrideSpec::Source::kHeader ? "header" : "parameter";
}

void check_arm(const ArmSpec& arm, ObjectReader& reader) {
  if (!arm.name.empty() && !is_route_name(arm.name)) {
    reader.fault("name", "an arm's name is made of letters, digits, _ and -, and starts with a letter or _");
  }
  if (arm.version && *arm.version < 1) reader.fault("version", "versions are 1, 2, 3...");
  if (arm.version && !arm.alias.empty()) reader.fault("version", "an arm has an alias or a version, not both");
  if (!std::isfinite(arm.weight) || arm.weight < 0) {
    reader.fault("weight", fmt::format("the weight of arm {} must be 0 or more, not {}", arm.name, arm.weight));
  }
}

ArmSpec read_arm(const Node& node, bool& weighted, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "an arm");
  ArmSpec arm{.at = node.at};
  arm.name = reader.required_string("name");
  arm.alias = reader.string("alias").value_or("");
  arm.version = reader.integer("version");
  const auto weight = reader.number("weight");
  weighted = weight.has_value();
  arm.weight = weight.value_or(1);
  reader.finish();
  check_arm(arm, reader);
  if (!arm.version && arm.alias.empty()) arm.alias = arm.name;
  return arm;
}

// Answers whether the arms have weights.
bool read_arms(ObjectReader& reader, RoutesSpec& routes, Diagnostics& diagnostics) {
  const std::vector<Node>* list = reader.list("arms");
  if (list == nullptr || list->empty()) {
    reader.fault("arms", "routes need \"arms\", a list of at least one");
    return false;
  }
  std::size_t weights = 0;
  for (const Node& node : *list) {
    bool weighted = false;
    ArmSpec arm = read_arm(node, weighted, diagnostics);
    weights += weighted ? 1 : 0;
    if (routes.find_arm(arm.name) != nullptr)
      diagnostics.add(node.at, fmt::format("arm {} stands here twice", arm.name));
    routes.arms.push_back(std::move(arm));
  }
  if (weights != 0 && weights != list->size()) {
    reader.fault("arms",
                 fmt::format("{} of {} arms have a weight; give every arm one, or none", weights, list->size()));
  }
  return weights != 0;
}

// The one of `keys` that the mapping has; nullopt, with a fault, where it has none or several.
template <typename Source>
std::optional<std::pair<Source, std::string>> read_source(ObjectReader& reader, std::string_view key,
                                                          std::initializer_list<Source> sources) {
  std::optional<std::pair<Source, std::string>> found;
  std::vector<std::string_view> keys;
  bool several = false;
  for (const Source source : sources) {
    keys.push_back(key_of(source));
    const auto name = reader.string(key_of(source));
    if (name && name->empty()) reader.fault(key_of(source), fmt::format("\"{}\" must not be empty", key_of(source)));
    several |= name && found;
    if (name) found = {source, *name};
  }
  if (!found || several) reader.fault("", fmt::format("\"{}\" needs one of {}", key, fmt::join(keys, ", ")));
  return found;
}

void read_sticky(const Node* node, RoutesSpec& routes, Diagnostics& diagnostics) {
  using enum StickySpec::Source;
  if (node == nullptr) return;
  ObjectReader reader(*node, diagnostics, "sticky");
  const auto source = read_source(reader, "sticky", {kInput, kParameter, kHeader});
  const auto salt = reader.string("salt");
  reader.finish();
  if (source) routes.sticky = {source->first, source->second, salt.value_or(""), reader.at(key_of(source->first))};
}

void read_override(const Node* node, RoutesSpec& routes, Diagnostics& diagnostics) {
  using enum OverrideSpec::Source;
  if (node == nullptr) return;
  ObjectReader reader(*node, diagnostics, "override");
  const auto source = read_source(reader, "override", {kHeader, kParameter});
  reader.finish();
  if (source) routes.chosen_by = {source->first, source->second};
}

void check_reward(const std::string& reward, ObjectReader& reader) {
  static const std::vector<sql::ColumnDef> columns = {{"label", sql::Type::kDouble},
                                                      {"prediction", sql::Type::kDouble}};
  const auto compiled = sql::Expression::compile(reward, columns);
  if (!compiled) return reader.fault("reward", fmt::format("\"reward\": {}", compiled.error().message));
  if (compiled->type() == sql::Type::kVarchar || compiled->type() == sql::Type::kTimestamp)
    reader.fault("reward", "\"reward\" must be a number or a boolean");
}

void check_bandit(const BanditSpec& bandit, std::size_t arms, ObjectReader& reader) {
  check_reward(bandit.reward, reader);
  if (bandit.every <= Duration{0}) reader.fault("every", "\"every\" must be longer than nothing");
  if (bandit.window && *bandit.window <= Duration{0}) reader.fault("window", "\"window\" must be longer than nothing");
  if (!(bandit.floor >= 0) || bandit.floor * static_cast<double>(arms) >= 1) {
    reader.fault("floor", fmt::format("\"floor\" must be 0 or more and below 1/{}, as {} arms have it", arms, arms));
  }
}

void read_bandit(const Node* node, bool weighted, RoutesSpec& routes, Diagnostics& diagnostics) {
  if (node == nullptr) return;
  ObjectReader reader(*node, diagnostics, "bandit");
  BanditSpec bandit{.at = node->at};
  bandit.reward = reader.string("reward").value_or(bandit.reward);
  bandit.every = reader.duration("every").value_or(bandit.every);
  bandit.window = reader.duration("window");
  bandit.floor = reader.number("floor").value_or(bandit.floor);
  reader.finish();
  check_bandit(bandit, routes.arms.size(), reader);
  if (routes.arms.size() < 2) diagnostics.add(node->at, "a bandit needs two arms or more");
  if (weighted) diagnostics.add(node->at, "a bandit decides the shares of the arms, which have no weights then");
  routes.bandit = std::move(bandit);
}

}  // namespace

bool BanditSpec::operator==(const BanditSpec& other) const {
  return reward == other.reward && every == other.every && window == other.window && floor == other.floor;
}

bool ArmSpec::operator==(const ArmSpec& other) const {
  return name == other.name && alias == other.alias && version == other.version && weight == other.weight;
}

bool StickySpec::operator==(const StickySpec& other) const {
  return source == other.source && name == other.name && salt == other.salt;
}

const ArmSpec* RoutesSpec::find_arm(std::string_view name) const {
  const auto found = std::ranges::find(arms, name, &ArmSpec::name);
  return found == arms.end() ? nullptr : &*found;
}

std::vector<std::string> RoutesSpec::arm_names() const {
  std::vector<std::string> names;
  for (const ArmSpec& arm : arms) names.push_back(arm.name);
  return names;
}

RoutesSpec single_route(const std::string& alias) { return {.arms = {{.name = alias, .alias = alias}}}; }

RoutesSpec parse_routes(const Node& node, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "routes");
  RoutesSpec routes;
  if (node.kind != Node::Kind::kMapping) return routes;
  const bool weighted = read_arms(reader, routes, diagnostics);
  read_sticky(reader.mapping("sticky"), routes, diagnostics);
  read_override(reader.mapping("override"), routes, diagnostics);
  read_bandit(reader.mapping("bandit"), weighted, routes, diagnostics);
  reader.finish();
  const std::string fault = weights_fault(routes);
  if (!routes.arms.empty() && fault.starts_with("no arm")) reader.fault("arms", fault);
  return routes;
}

Result<RoutesSpec> parse_routes(std::string_view json) {
  Diagnostics diagnostics;
  const std::vector<Node> documents = parse_yaml(json, "routes", diagnostics);  // JSON is YAML in its flow style
  RoutesSpec routes;
  if (documents.size() == 1) routes = parse_routes(documents.front(), diagnostics);
  std::vector<std::string> faults;
  for (const Diagnostic& diagnostic : diagnostics.list) faults.push_back(diagnostic.message);
  if (documents.size() != 1 && faults.empty()) faults.emplace_back("routes must be an object");
  if (!faults.empty()) return invalid_argument("{}", fmt::join(faults, "; "));
  return routes;
}

static Json to_json(const BanditSpec& bandit) {
  Json out{{"reward", bandit.reward}, {"every", format_duration(bandit.every)}, {"floor", bandit.floor}};
  if (bandit.window) out["window"] = format_duration(*bandit.window);
  return out;
}

Json to_json(const RoutesSpec& routes) {
  Json arms = Json::array();
  for (const ArmSpec& arm : routes.arms) {
    Json out{{"name", arm.name}};
    if (arm.version) out["version"] = *arm.version;
    if (!arm.version) out["alias"] = arm.alias;
    if (!routes.bandit) out["weight"] = arm.weight;
    arms.push_back(std::move(out));
  }
  Json out{{"arms", std::move(arms)}};
  if (routes.sticky) {
    out["sticky"][key_of(routes.sticky->source)] = routes.sticky->name;
    if (!routes.sticky->salt.empty()) out["sticky"]["salt"] = routes.sticky->salt;
  }
  if (routes.chosen_by) out["override"][key_of(routes.chosen_by->source)] = routes.chosen_by->name;
  if (routes.bandit) out["bandit"] = to_json(*routes.bandit);
  return out;
}

bool is_route_name(std::string_view name) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, [&](char c) {
    return letter(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
}

std::string weights_fault(const RoutesSpec& routes) {
  double sum = 0;
  for (const ArmSpec& arm : routes.arms) {
    if (!std::isfinite(arm.weight) || arm.weight < 0)
      return fmt::format("the weight of arm {} must be 0 or more, not {}", arm.name, arm.weight);
    sum += arm.weight;
  }
  if (!std::isfinite(sum)) return "the weights are too large to be added";
  return sum > 0 ? "" : "no arm has a weight above 0, so that none would answer";
}

std::string shares_text(const RoutesSpec& routes) {
  if (routes.bandit) return fmt::format("{} by bandit", fmt::join(routes.arm_names(), ", "));
  double sum = 0;
  for (const ArmSpec& arm : routes.arms) sum += arm.weight;
  std::vector<std::string> shares;
  for (const ArmSpec& arm : routes.arms) shares.push_back(fmt::format("{} {:.4g}%", arm.name, 100 * arm.weight / sum));
  return fmt::format("{}", fmt::join(shares, ", "));
}

}  // namespace millrace::serving
