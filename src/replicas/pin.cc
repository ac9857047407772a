#include "replicas/pin.h"

#include <algorithm>

namespace millrace::replicas {
namespace {

// The members of a composition and those of the state, in pairs.
Result<void> pin_members(serving::CompositionSpec& composition, const std::vector<serving::MemberVersion>& members) {
  if (members.empty()) return {};  // the server has none of it
  const std::size_t final = composition.final ? 1 : 0;
  if (members.size() != composition.members.size() + final)
    return invalid_argument("a composition of {} members has {} versions", composition.members.size() + final,
                            members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    serving::MemberSpec& member = i < composition.members.size() ? composition.members[i] : *composition.final;
    if (member.model != members[i].model)
      return invalid_argument("member {} is a version of {}, not of {}", i + 1, members[i].model, member.model);
    member.version = members[i].version;
    member.alias.clear();
  }
  return {};
}

}  // namespace

Result<serving::EndpointSpec> pinned_spec(const EndpointState& endpoint) {
  serving::EndpointSpec spec = TRY(serving::parse_endpoint(endpoint.document));
  if (spec.name != endpoint.name)
    return invalid_argument("the document of endpoint {} is that of {}", endpoint.name, spec.name);
  spec.routes = endpoint.routes;
  if (spec.composition) {
    TRY(pin_members(*spec.composition, endpoint.members));
    return spec;
  }
  for (serving::ArmSpec& arm : spec.routes.arms) {
    const auto version = endpoint.arms.find(arm.name);
    if (version == endpoint.arms.end()) continue;
    arm.version = version->second;
    arm.alias.clear();
  }
  return spec;
}

std::vector<serving::MemberVersion> needed_versions(const EndpointState& endpoint, const serving::EndpointSpec& spec) {
  std::vector<serving::MemberVersion> needed = endpoint.members;
  if (!spec.composition) {
    for (const auto& [arm, version] : endpoint.arms) needed.push_back({spec.model, version});
    for (const auto& [alias, version] : endpoint.shadows) needed.push_back({spec.model, version});
  }
  std::ranges::sort(needed, {}, [](const auto& each) { return std::pair(each.model, each.version); });
  const auto again = std::ranges::unique(needed);
  needed.erase(again.begin(), again.end());
  return needed;
}

}  // namespace millrace::replicas
