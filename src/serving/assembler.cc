#include "serving/assembler.h"

#include <algorithm>

#include "base/log.h"
#include "base/suggest.h"
#include "registry/registry.h"
#include "serving/contract.h"
#include "serving/vector_tensors.h"

namespace millrace::serving {
namespace {

// Where each of a model's inputs stands in the vector; empty where the vector is what the model takes.
Result<std::vector<std::size_t>> match_columns(const LoadedModel& model, const std::vector<std::string>& features) {
  const Result<std::vector<std::string>> names = vector_names(*model.runtime, features.size());
  if (!names) {
    return std::unexpected(Error(names.error()).in(fmt::format("model {} version {}", model.model, model.version)));
  }
  if (names->empty() || *names == features) return {};
  std::vector<std::size_t> columns;
  for (const std::string& name : *names) {
    const auto found = std::ranges::find(features, name);
    if (found == features.end()) {
      return failed_precondition("model {} version {} needs \"{}\", which the endpoint's features do not have{}",
                                 model.model, model.version, name, did_you_mean(name, features));
    }
    columns.push_back(static_cast<std::size_t>(found - features.begin()));
  }
  return columns;
}

// A model beside the primary one takes the same vectors or the same tensors.
Result<void> match_inputs(const ServedEndpoint& endpoint, ScoredModel& model) {
  if (endpoint.vectors) {
    model.columns = TRY(match_columns(*model.model, endpoint.vectors->features()));
    return {};
  }
  const LoadedModel& primary = *endpoint.primary_model().model;
  if (model.model->runtime->inputs() == primary.runtime->inputs()) return {};
  return failed_precondition("model {} version {} takes other inputs than version {}", model.model->model,
                             model.model->version, primary.version);
}

// An arm answers as the others do, so that one log takes them all.
Result<void> match_outputs(const ServedEndpoint& endpoint, const ScoredModel& model) {
  if (model.outputs() == endpoint.primary_model().outputs()) return {};
  return failed_precondition("model {} version {} answers other outputs than version {}", model.model->model,
                             model.model->version, endpoint.primary_model().model->version);
}

// A sticky split goes by an input that requests carry.
Result<void> check_sticky(const ServedEndpoint& endpoint) {
  const auto& sticky = endpoint.in_force.routes.sticky;
  if (!sticky || sticky->source != StickySpec::Source::kInput) return {};
  std::vector<std::string> names;
  for (const TensorSpec& input : endpoint.contract->inputs) names.push_back(input.name);
  if (std::ranges::find(names, sticky->name) != names.end()) return {};
  return failed_precondition("endpoint {} has no input \"{}\" to divide requests by{}", endpoint.spec.name,
                             sticky->name, did_you_mean(sticky->name, names));
}

// What an arm or a member names.
template <typename Named>
Result<registry::ModelVersion> find_version(const registry::Store& registry, const std::string& model,
                                            const Named& named) {
  if (named.version) return registry.find_version(model, *named.version);
  auto version = registry.find_alias(model, named.alias);
  if (version || version.error().code != Code::kNotFound) return version;
  return not_found("alias {} of model {} is not set", named.alias, model);
}

std::array<std::string, kRouteReasons> logged_routes(const ArmSpec& arm) {
  std::array<std::string, kRouteReasons> texts;
  for (std::size_t reason = 0; reason < texts.size(); ++reason)
    texts[reason] = fmt::format("{}/{}", arm.name, to_text(static_cast<RouteReason>(reason)));
  texts[static_cast<std::size_t>(RouteReason::kOnly)] = arm.name;
  return texts;
}

// Of the arms as they are loaded.
RouteTable table_of(const ServedEndpoint& endpoint) {
  std::vector<std::optional<std::int64_t>> versions;
  for (const ServedArm& arm : endpoint.arms) {
    versions.push_back(arm.scored.model ? std::optional(arm.scored.model->version) : std::nullopt);
  }
  return make_route_table(endpoint.spec.name, endpoint.in_force, versions);
}

}  // namespace

std::shared_ptr<ServedEndpoint> Assembler::without_models(const EndpointSpec& spec, RoutesInForce routes) {
  auto endpoint = std::make_shared<ServedEndpoint>();
  endpoint->spec = spec;
  endpoint->in_force = std::move(routes);
  endpoint->meter = parts_.meters.of_endpoint(spec.name);
  for (const ArmSpec& arm : endpoint->in_force.routes.arms)
    endpoint->arms.push_back({.scored = {.alias = arm.name}, .logged = logged_routes(arm)});
  endpoint->table = table_of(*endpoint);
  return endpoint;
}

Result<std::shared_ptr<ServedEndpoint>> Assembler::assemble(const EndpointSpec& spec, RoutesInForce routes) {
  auto endpoint = without_models(spec, std::move(routes));
  if (spec.features) endpoint->vectors = TRY(parts_.find_vectors(*spec.features));
  TRY(fill_arms(*endpoint));
  if (!endpoint->primary_model().model) {
    endpoint->problem = endpoint->arms.front().problem;
    return endpoint;
  }
  TRY(match_arms(*endpoint));
  endpoint->contract = std::make_shared<const Contract>(contract_of(*endpoint));
  TRY(check_sticky(*endpoint));
  fill_shadows(*endpoint);
  endpoint->table = table_of(*endpoint);
  return endpoint;
}

Result<void> Assembler::fill_arms(ServedEndpoint& endpoint) {
  for (std::size_t i = 0; i < endpoint.arms.size(); ++i) {
    const ArmSpec& spec = endpoint.in_force.routes.arms[i];
    ServedArm& arm = endpoint.arms[i];
    TRY(fill_arm(endpoint.spec, spec, arm));
    if (!arm.scored.model) continue;
    arm.meter = parts_.meters.of_arm({endpoint.spec.name, arm.scored.model->version, spec.name});
    arm.statistics = parts_.meters.of_version(endpoint.spec.name, arm.scored.model->version);
  }
  const auto first =
      std::ranges::find_if(endpoint.arms, [](const ServedArm& arm) { return arm.scored.model != nullptr; });
  if (first != endpoint.arms.end()) endpoint.primary = static_cast<std::size_t>(first - endpoint.arms.begin());
  return {};
}

// A name that means nothing yet is the arm's problem.
Result<void> Assembler::fill_arm(const EndpointSpec& endpoint, const ArmSpec& spec, ServedArm& arm) {
  const auto versions = versions_of(endpoint, spec);
  if (!versions && versions.error().code == Code::kNotFound) {
    arm.problem = versions.error().message;
    return {};
  }
  arm.scored.model = TRY(load(endpoint, TRY(versions)));
  return {};
}

// Of a composition, those of its members.
Result<Assembler::Versions> Assembler::versions_of(const EndpointSpec& endpoint, const ArmSpec& arm) const {
  Versions versions;
  if (!endpoint.composition) {
    versions.push_back(TRY(find_version(parts_.registry, endpoint.model, arm)));
    return versions;
  }
  for (const MemberSpec& member : endpoint.composition->all())
    versions.push_back(TRY(find_version(parts_.registry, member.model, member)));
  return versions;
}

Result<std::shared_ptr<const LoadedModel>> Assembler::load(const EndpointSpec& endpoint, const Versions& versions) {
  if (!endpoint.composition) return loader_.load(versions.front(), endpoint.scoring.python);
  return composer_.compose({endpoint.name, *endpoint.composition, versions, endpoint.scoring.python});
}

Result<void> Assembler::match_arms(ServedEndpoint& endpoint) {
  const RowScorer* scorer = endpoint.primary_model().model->runtime->rows();
  if (!endpoint.spec.features && scorer != nullptr) endpoint.vectors = plain_vectors(scorer->columns());
  for (ServedArm& arm : endpoint.arms) {
    if (!arm.scored.model) continue;
    TRY(match_inputs(endpoint, arm.scored));
    TRY(match_outputs(endpoint, arm.scored));
  }
  return {};
}

// A shadow never stands in the way: one that cannot be scored is left out.
void Assembler::fill_shadows(ServedEndpoint& endpoint) {
  for (const AliasRef& alias : endpoint.spec.shadow) {
    ServedShadow shadow{.scored = {.alias = alias.name}};
    const Result<void> filled = fill_shadow(endpoint, shadow);
    if (!filled && filled.error().code != Code::kNotFound) {
      log::warn("shadow is not scored",
                {{"endpoint", endpoint.spec.name}, {"alias", alias.name}, {"why", filled.error().message}});
    }
    endpoint.later_shadows |= filled && shadow.when == ServedShadow::When::kLater;
    endpoint.shadows.push_back(filled ? std::move(shadow) : ServedShadow{.scored = {.alias = alias.name}});
  }
}

Result<void> Assembler::fill_shadow(const ServedEndpoint& endpoint, ServedShadow& shadow) {
  ScoredModel& scored = shadow.scored;
  scored.model = TRY(
      loader_.load(TRY(parts_.registry.find_alias(endpoint.spec.model, scored.alias)), endpoint.spec.scoring.python));
  TRY(match_inputs(endpoint, scored));
  if (scored.model->runtime->rows() == nullptr) shadow.when = ServedShadow::When::kLater;
  shadow.meter = parts_.meters.of_shadow({endpoint.spec.name, scored.model->version, scored.alias});
  return {};
}

}  // namespace millrace::serving
