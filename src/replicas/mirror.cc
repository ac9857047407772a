#include "replicas/mirror.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "registry/registry.h"
#include "replicas/pin.h"
#include "serving/route_store.h"
#include "serving/serving.h"

namespace millrace::replicas {
namespace {

// All that makes the endpoint what it is: two that are equal are served alike.
std::string text_of(const EndpointState& endpoint, const std::vector<serving::MemberVersion>& needed,
                    const ServingState& state) {
  ServingState alone{.endpoints = {endpoint}};
  for (const auto& [model, number] : needed)
    if (const auto* version = state.find_version(model, number)) alone.versions.push_back(*version);
  return to_text(alone);
}

}  // namespace

std::vector<Problem> Mirror::take(const ServingState& state) {
  forget_replaced(state);
  std::vector<Problem> problems;
  for (const EndpointState& endpoint : state.endpoints) {
    if (auto taken = take(endpoint, state); !taken) problems.push_back({endpoint.name, taken.error().message});
  }
  remove_gone(state);
  tidy(state);
  return problems;
}

Result<void> Mirror::take(const EndpointState& endpoint, const ServingState& state) {
  const serving::EndpointSpec spec = TRY(pinned_spec(endpoint));
  const auto needed = needed_versions(endpoint, spec);
  std::string text = text_of(endpoint, needed, state);
  Taken& taken = taken_[endpoint.name];
  if (taken.text == text) return {};
  taken = {};
  for (const auto& [model, version] : needed) taken.models.insert(model);
  if (endpoint.features) parts_.features.declare(*endpoint.features);
  TRY(put_versions(needed, state));
  TRY(put_shadows(endpoint, spec));
  TRY(put_composition(endpoint, spec));
  if (endpoint.evidence)
    TRY(parts_.routes.update_bandit({.endpoint = endpoint.name, .reward = {}, .evidence = *endpoint.evidence}));
  TRY(parts_.endpoints.apply(spec));
  TRY(endpoint.unloaded ? parts_.endpoints.unload(endpoint.name) : reload(endpoint.name));
  taken.text = std::move(text);
  return {};
}

Result<void> Mirror::reload(const std::string& endpoint) {
  return TRY(parts_.endpoints.find(endpoint)).unloaded ? parts_.endpoints.load(endpoint) : Result<void>();
}

Result<void> Mirror::put_versions(const std::vector<serving::MemberVersion>& needed, const ServingState& state) {
  for (const auto& [model, number] : needed) {
    const VersionState* version = state.find_version(model, number);
    if (version == nullptr) return invalid_argument("the state lacks version {} of model {}", number, model);
    TRY(put_version(*version));
  }
  return {};
}

Result<void> Mirror::put_composition(const EndpointState& endpoint, const serving::EndpointSpec& spec) {
  if (!spec.composition || endpoint.members.empty() || endpoint.arms.size() != 1) return {};
  const serving::Composed composed{.spec = *spec.composition, .members = endpoint.members};
  return parts_.compositions.put_number(endpoint.name, composed, endpoint.arms.begin()->second);
}

Result<void> Mirror::put_version(const VersionState& version) {
  const std::string digest = digest_of(version.files);
  if (known_.contains({version.model, version.version})) return {};
  const auto folder = TRY(parts_.cache.folder(version.files));
  TRY(parts_.registry.put_model({.name = version.model}));
  const auto number = TRY(parts_.registry.put_version(
      {.model = version.model, .version = version.version, .source = "file://" + folder.string()},
      fmt::format("{}/{}/{}", version.model, version.version, digest), registry::Told::kNobody));
  if (number != version.version)
    return internal_error("version {} of model {} became {} here", version.version, version.model, number);
  known_[{version.model, version.version}] = digest;
  return {};
}

Result<void> Mirror::put_shadows(const EndpointState& endpoint, const serving::EndpointSpec& spec) {
  for (const serving::AliasRef& shadow : spec.shadow) {
    const auto version = endpoint.shadows.find(shadow.name);
    if (version != endpoint.shadows.end()) {
      TRY(parts_.registry.put_alias(spec.model, {shadow.name, version->second}, "as at the server"));
      continue;
    }
    const auto gone = parts_.registry.delete_alias(spec.model, shadow.name, "as at the server");
    if (!gone && gone.error().code != Code::kNotFound) return gone;
  }
  return {};
}

// A model that was deleted at the server and made anew has other versions under the same numbers.
void Mirror::forget_replaced(const ServingState& state) {
  std::set<std::string> replaced;
  for (const VersionState& version : state.versions) {
    const auto known = known_.find({version.model, version.version});
    if (known != known_.end() && known->second != digest_of(version.files)) replaced.insert(version.model);
  }
  for (const std::string& model : replaced) {
    if (const auto gone = parts_.registry.delete_model(model); !gone)
      log::error("a model cannot be replaced", {{"model", model}, {"error", gone.error().message}});
    std::erase_if(known_, [&](const auto& entry) { return entry.first.first == model; });
    for (auto& [endpoint, taken] : taken_)
      if (taken.models.contains(model)) taken.text.clear();
  }
}

void Mirror::remove_gone(const ServingState& state) {
  for (const std::string& name : parts_.endpoints.names()) {
    if (std::ranges::find(state.endpoints, name, &EndpointState::name) != state.endpoints.end()) continue;
    if (const auto removed = parts_.endpoints.remove(name); !removed)
      log::error("an endpoint cannot be removed", {{"endpoint", name}, {"error", removed.error().message}});
    taken_.erase(name);
  }
}

// What the state before had stays on the disk: the way back should be short.
void Mirror::tidy(const ServingState& state) {
  std::set<std::string> now;
  for (const VersionState& version : state.versions) now.insert(digest_of(version.files));
  if (now != wanted_) wanted_before_ = std::exchange(wanted_, std::move(now));
  std::set<std::string> keep = wanted_;
  keep.insert(wanted_before_.begin(), wanted_before_.end());
  if (const auto tidied = parts_.cache.keep_only(keep); !tidied)
    log::warn("old models cannot be removed", {{"error", tidied.error().message}});
  std::erase_if(known_, [&](const auto& entry) { return !keep.contains(entry.second); });
}

}  // namespace millrace::replicas
